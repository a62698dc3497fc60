# The worker, its trainers and the sweeper.
# TORCH_BUILD=cpu (default) takes torch from its index of processor builds; TORCH_BUILD=cuda takes the CUDA build.
FROM python:3.11-slim-bookworm

ARG TORCH_BUILD=cpu
ENV PYTHONPATH=/srv/gradus PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv/gradus

COPY requirements/worker.txt requirements/worker.txt
RUN if [ "$TORCH_BUILD" = cpu ]; then export PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu; fi \
    && python -m pip install --no-cache-dir --requirement requirements/worker.txt

COPY shared shared
COPY services/__init__.py services/__init__.py
COPY services/worker services/worker

RUN install --directory --owner=nobody --group=nogroup /var/lib/gradus /var/lib/gradus/storage /var/lib/gradus/keys
USER 65534:65534
EXPOSE 8001 8002
STOPSIGNAL SIGTERM
CMD ["python", "-m", "services.worker"]
