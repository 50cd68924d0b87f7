"""What a program does with integrations that knows OData and nothing of Orrery: it uses the package python-odata, which reads the
model and makes classes of it. Called with the URL of the service and a token; any failure ends it with a traceback."""

import datetime
import inspect
import sys

import requests
from odata import ODataService
from odata.exceptions import NoResultsFound, ODataError

url, token = sys.argv[1:3]
session = requests.Session()
session.headers["Authorization"] = "Bearer " + token
service = ODataService(url, session=session, reflect_entities=True, quiet_progress=True)
sets = service.entities


def saved(set_name, **values):
    """Makes an entity and sends it."""
    entity = sets[set_name]()
    for name, value in values.items():
        setattr(entity, name, value)
    service.save(entity)
    return entity


def refused(action, code):
    """The error of something that the service has to refuse."""
    try:
        action()
    except ODataError as error:
        assert error.code == code, (error.code, error.message)
        return error
    raise AssertionError("it was not refused")


# The model: all sets are there, with keys, links and actions.
assert len(sets) == 12, sorted(sets)
Integration, Queue = sets["Integrations"], sets["IntegrationQueues"]
assert Integration.IntegrationId.primary_key
for member in ("Schedule", "IntegrationSystem", "Action", "Explain"):
    assert hasattr(Integration, member), member
for action in ("Retry", "Cancel", "Execute"):
    assert hasattr(Queue, action), action

# Words.
directions = {word.IntegrationDirectionId for word in service.query(sets["IntegrationDirections"]).all()}
assert directions == {"Inbound", "Outbound"}, directions
transaction = service.query(sets["Entities"]).get("Transaction")
outbound = service.query(sets["IntegrationDirections"]).get("Outbound")
no_consent = service.query(sets["ConsentTypes"]).get("None")

# New entities; links are sent as links.
system = saved("IntegrationSystems", IntegrationSystemName="Client's bank")
schedule = saved("Schedules", ScheduleName="Client's hour", Kind="Interval", IntervalSeconds=3600, TimeZone="UTC")
action = saved("Actions", ActionName="Client's action", Kind="Http", Method="POST", Url="https://bank.example/items")
assert system.IntegrationSystemId and schedule.ScheduleId and action.ActionId


def integration(name, **values):
    return saved(
        "Integrations", IntegrationName=name, Entity=transaction, IntegrationDirection=outbound, IntegrationSystem=system,
        Action=action, Schedule=schedule, ConsentType=no_consent, MaxAttempts=3, BatchSize=2, ExecuteInParallel=True,
        IncludeUpdate=False, Continuous=False, Managed=False, AllowScheduleChange=True, Active=True, **values,
    )


first = integration("Client's first", Comment="it's 100% Ø & more", Filter='Status == "ready" and Amount > 1000')
second = integration("Client's second", ElementId="E-2")
assert first.Version == 1 and first.EntityId == "Transaction" and first.ScheduleId == schedule.ScheduleId
assert isinstance(first.CreatedAt, datetime.datetime)

# Lists.
query = service.query(Integration)
assert query.filter(Integration.Comment == "it's 100% Ø & more").one().IntegrationId == first.IntegrationId
mine = query.filter(Integration.IntegrationName.startswith("Client")).order_by(Integration.IntegrationName.desc())
assert [one.IntegrationName for one in mine.all()] == ["Client's second", "Client's first"]
assert [one.IntegrationName for one in mine.limit(1).offset(1).all()] == ["Client's first"]
both = query.filter(query.or_(Integration.ElementId == "E-2", Integration.MaxAttempts > 7))
assert [one.IntegrationId for one in both.all()] == [second.IntegrationId]
since = query.filter(Integration.CreatedAt >= datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc))
assert len(since.all()) >= 2
selected = mine.select(Integration.IntegrationName, Integration.BatchSize).first()
assert selected["BatchSize"] == 2 and "Comment" not in selected, selected
expanded = query.expand(Integration.Schedule, Integration.IntegrationSystem).get(first.IntegrationId)
assert expanded.Schedule.ScheduleName == "Client's hour"
assert expanded.IntegrationSystem.IntegrationSystemName == "Client's bank"
assert query.get(first.IntegrationId).Action.ActionName == "Client's action"
through = query.filter(Integration.IntegrationSystem.IntegrationSystemName == "Client's bank")
assert len(through.all()) == 2

# Changes: every member that the documentation of the PATCH names.
for name, value in {
    "ActionId": action.ActionId, "Comment": "changed", "ElementId": "E-1", "EntityId": "Transaction",
    "Filter": 'Status == "ready" and CommittedAt > DateTime.UtcNow.AddDays(-7)', "IntegrationDirectionId": "Outbound",
    "IntegrationName": "Client's changed", "ScheduleId": schedule.ScheduleId, "IntegrationSystemId": system.IntegrationSystemId,
    "MaxAttempts": 5, "IncludeUpdate": True, "ExecuteInParallel": False, "ConsentTypeId": "Manual", "BatchSize": 4,
    "Managed": False, "Continuous": True, "AllowScheduleChange": False,
}.items():
    setattr(first, name, value)
service.save(first)
again = query.get(first.IntegrationId)
assert (again.Comment, again.MaxAttempts, again.Continuous, again.ConsentTypeId) == ("changed", 5, True, "Manual")
assert again.Version == 2, again.Version

# The same change as its documentation shows it, in that very media type.
media_type = "application/json;odata.metadata=minimal;odata.streaming=true"
answer = session.patch(
    url + f"Integrations({first.IntegrationId})", json={"Comment": "seen"}, headers={"Content-Type": media_type, "Accept": media_type}
)
assert answer.status_code == 200 and answer.json()["Comment"] == "seen", answer.text
assert answer.headers["Content-Type"].startswith(media_type), answer.headers
assert answer.headers["ETag"] == '"3"' == answer.json()["@odata.etag"], answer.headers

# Rules and errors.
first.IncludeUpdate = False
refusal = refused(lambda: service.save(first), "include_update_locked")
assert "IncludeUpdate" in refusal.message, refusal.message
second.IntegrationName = "Client's changed"
refused(lambda: service.save(second), "name_in_use")
try:
    query.get(999_999_999)
    raise AssertionError("there is no such integration")
except NoResultsFound:
    pass

# What a client makes of it.
client = saved("ClientIntegrations", Integration=second, Enabled=True)
assert client.IntegrationId == second.IntegrationId and client.Enabled
of_second = service.query(Integration).get(second.IntegrationId).ClientIntegrations
assert [one.ClientIntegrationId for one in of_second] == [client.ClientIntegrationId]

# Actions of entities. What an action answers, this package looks for in a member "value", which an answer that is an entity does not
# have: it is told to leave answers unread, and the entities are read again.
for of, name in (Integration, "Explain"), (Queue, "Retry"), (Queue, "Cancel"), (Queue, "Execute"):
    inspect.getattr_static(of, name).return_type = None


def item(number):
    return service.query(Queue).get(number)


failed = service.query(Queue).filter(Queue.IntegrationQueueStateId == "Failed").order_by(Queue.IntegrationQueueId.asc()).first()
number = failed.IntegrationQueueId
assert failed.Attempt == 1 and failed.Result == "it did not answer", (failed.Attempt, failed.Result)
failed.Retry()
retried = item(number)
assert (retried.IntegrationQueueStateId, retried.Attempt) == ("Pending", 0), retried.IntegrationQueueStateId
assert retried.DueAt > failed.DueAt, (retried.DueAt, failed.DueAt)
retried.Cancel()
assert item(number).IntegrationQueueStateId == "Cancelled"
refused(retried.Cancel, "wrong_state")
# It is not enabled for this client.
refused(retried.Execute, "wrong_state")
for said in ({"Status": "ready", "Amount": 5}, {}):
    first.Explain(item=said)
refused(lambda: first.Explain(item={"CreatedAt": 5}), "invalid")
explained = session.post(
    url + f"Integrations({first.IntegrationId})/Orrery.Explain", json={"item": {"Status": "ready", "CommittedAt": "2020-01-31"}}
)
assert explained.status_code == 200 and explained.json()["matches"] is False, explained.text

# Away with it.
refused(lambda: service.delete(schedule), "in_use")
service.delete(client)
service.delete(first)
service.delete(second)
assert mine.all() == []
for one in (schedule, action, system):
    service.delete(one)
print("all done")
