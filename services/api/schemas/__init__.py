"""What the gateway answers, and the smaller things it is told, as the OpenAPI document shows them."""

from services.api.schemas.answer import (
    Answer,
    Page,
)
from services.api.schemas.datasets import (
    ColumnAnswer,
    DatasetAnswer,
    FileAnswer,
    ReadingErrorAnswer,
    SampleAnswer,
)
from services.api.schemas.gradients import (
    FlowFindingAnswer,
    GradientsAnswer,
    LayerAnswer,
    RuleAnswer,
)
from services.api.schemas.jobs import (
    AncestorAnswer,
    CheckpointAnswer,
    CurveAnswer,
    ErrorAnswer,
    EvaluationAnswer,
    EventAnswer,
    JobAnswer,
    JobState,
    JobSummary,
    PlanAnswer,
    ScheduleEntry,
    WarningAnswer,
)
from services.api.schemas.lr_events import LrEventAnswer, LrEventsAnswer, LrRequestAnswer
from services.api.schemas.models import (
    AliasAnswer,
    AliasChangeAnswer,
    AliasRequest,
    ModelAnswer,
    VersionAnswer,
)
from services.api.schemas.operations import (
    KeyAnswer,
    KeyRequest,
    LiveAnswer,
    NewKeyAnswer,
    ReadyAnswer,
    WorkerAnswer,
)

__all__ = [
    "AliasAnswer",
    "AliasChangeAnswer",
    "AliasRequest",
    "AncestorAnswer",
    "Answer",
    "CheckpointAnswer",
    "ColumnAnswer",
    "CurveAnswer",
    "DatasetAnswer",
    "ErrorAnswer",
    "EvaluationAnswer",
    "EventAnswer",
    "FileAnswer",
    "FlowFindingAnswer",
    "GradientsAnswer",
    "JobAnswer",
    "JobState",
    "JobSummary",
    "KeyAnswer",
    "KeyRequest",
    "LayerAnswer",
    "LiveAnswer",
    "LrEventAnswer",
    "LrEventsAnswer",
    "LrRequestAnswer",
    "ModelAnswer",
    "NewKeyAnswer",
    "Page",
    "PlanAnswer",
    "ReadingErrorAnswer",
    "ReadyAnswer",
    "RuleAnswer",
    "SampleAnswer",
    "ScheduleEntry",
    "VersionAnswer",
    "WarningAnswer",
    "WorkerAnswer",
]
