# The gateway, and the migrations that run before it. No torch.
FROM python:3.11-slim-bookworm

ENV PYTHONPATH=/srv/gradus PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv/gradus

COPY requirements/api.txt requirements/api.txt
RUN python -m pip install --no-cache-dir --requirement requirements/api.txt

COPY alembic.ini alembic.ini
COPY migrations migrations
COPY shared shared
COPY services/__init__.py services/__init__.py
COPY services/api services/api
COPY services/standalone services/standalone

# Prometheus' own image runs as nobody too, and reads its key from a volume it shares with this one.
RUN install --directory --owner=nobody --group=nogroup \
    /var/lib/gradus /var/lib/gradus/storage /var/lib/gradus/keys /var/lib/gradus/keys/metrics
USER 65534:65534
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["python", "-m", "services.api"]
