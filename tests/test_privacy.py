"""Personal data: the inventory, where it ends up, what an assessment asks. Small systems with known answers."""

import json
import random
import xml.etree.ElementTree as ElementTree

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import flow_attributes, systems

import threatkit
from threatkit.model import System
from threatkit.privacy import NOTICE, ORDER
from threatkit.vocabulary import personal_classes

PERSONAL = frozenset(personal_classes())
HOSTILE = "<img src=x onerror=alert(1)>&\"'"


def clinic(**last) -> System:
    """A patient's letter goes to an archive, into a prompt, into an index, a log, a memory and a training run."""
    app = System("Clinic")
    app.asset("letter", personal=True, classes=["special_category"], subjects=["patients"], retention="10 years")
    app.asset("weights", classes=["model_weights"])
    app.asset("leaflet", classification="public")
    app.boundary("house", trust="trusted", region="eea")
    app.boundary("supplier", trust="vendor", region="third_country")
    app.element("patient", "user", boundary="house")
    app.element("web", "process", boundary="house")
    app.element("archive", "datastore", boundary="house", holds=["letter"], controls=["retention_limit"])
    app.element("index", "vector_store", boundary="house", without=["index_purge"])
    app.element("log", "log_store", boundary="house")
    app.element("gpt", "llm", boundary="supplier", controls=["dpa_no_training"])
    app.element("tuner", "training_pipeline", boundary="house")
    app.element("models", "model_registry", boundary="house")
    app.element("site", "datastore", boundary="house", holds=["leaflet"])
    app.flow("send", "patient", "web", carries=["letter"])
    app.flow("keep", "web", "archive", carries=["letter"])
    app.flow("embed", "archive", "index", carries=["letter"])
    app.flow("note", "web", "log", carries=["letter"])
    app.flow("ask", "web", "gpt", carries=["letter", "leaflet"], **last)
    app.flow("tune", "archive", "tuner", kind="train", carries=["letter"])
    app.flow("publish", "tuner", "models", kind="supply", carries=["weights"])
    app.flow("show", "site", "patient", carries=["leaflet"])
    return app


def forms(reach) -> dict[str, str]:
    return {trace.element: trace.form for trace in reach.traces if trace.certain}


def test_a_letter_ends_up_in_store_index_log_weights_and_at_the_supplier():
    reach = threatkit.erasure_reach(clinic(), "letter")
    assert forms(reach) == {
        "patient": "person", "web": "passing", "archive": "store", "index": "embeddings", "log": "log",
        "gpt": "outside", "tuner": "weights", "models": "weights",
    }  # fmt: skip
    assert {trace.element for trace in reach.kept} == {"archive", "index", "log", "gpt", "tuner", "models"}
    assert not reach.perhaps


def test_each_place_says_what_deletes_the_data_there_and_silence_is_a_question():
    reach = threatkit.erasure_reach(clinic(), "letter")
    ends = {trace.element: trace.ends for trace in reach.kept}
    assert ends["archive"] == "retention_limit"
    assert ends["index"] == "nothing"
    assert ends["gpt"] == "dpa_no_training"
    assert "cannot be erased" in ends["models"]
    assert ends["log"] is None
    assert [(q.place, q.fact) for q in reach.questions] == [("log", "control(retention_limit)")]


def test_a_way_is_a_way_in_the_graph_and_starts_where_the_data_enters():
    app = clinic()
    for trace in threatkit.erasure_reach(app, "letter").traces:
        for here, flow, there in zip(trace.path[::2], trace.path[1::2], trace.path[2::2], strict=False):
            assert (app.flows[flow].source, app.flows[flow].target) == (here, there)
        assert trace.path[-1] == trace.element
        assert trace.path[0] in {"patient", "archive"}


def test_weights_are_followed_through_what_carries_weights():
    app = clinic()
    app.element("server", "llm", boundary="house")
    app.flow("deploy", "models", "server", carries=["weights"])
    trace = next(t for t in threatkit.erasure_reach(app).traces if t.element == "server")
    assert trace.form == "weights"
    assert trace.path[-5:] == ("tuner", "publish", "models", "deploy", "server")


def test_without_the_training_run_no_weights_are_reached():
    app = clinic()
    app.remove("tune")
    assert not {"tuner", "models"} & threatkit.erasure_reach(app).elements


@pytest.mark.parametrize("control", ["context_minimization"])
def test_a_control_that_surely_drops_the_data_stops_it(control):
    assert "gpt" not in threatkit.erasure_reach(clinic(controls=[control])).elements
    assert threatkit.load_catalog().controls[control]["assurance"] == "deterministic"


@pytest.mark.parametrize(
    "control", ["pii_redaction_input", "dlp_gateway", "dpa_no_training", "output_schema_validation"]
)
def test_a_control_that_only_finds_most_of_it_or_is_a_promise_stops_nothing(control):
    assert "gpt" in threatkit.erasure_reach(clinic(controls=[control])).elements


def test_a_flow_that_does_not_say_what_it_carries_is_a_question_and_no_certain_place():
    app = clinic()
    app.element("backup", "datastore", boundary="house")
    app.flow("copy", "archive", "backup")
    reach = threatkit.erasure_reach(app, "letter")
    assert reach.perhaps == {"backup"}
    assert ("copy", "carries_personal") in {(q.place, q.fact) for q in reach.questions}
    app.replace("copy", carries=["leaflet"])
    app.replace("backup", holds=["leaflet"])
    assert threatkit.erasure_reach(app, "letter").perhaps == frozenset()


def test_a_training_run_on_other_personal_data_from_the_same_store_is_a_question():
    app = clinic()
    app.asset("examples", personal=True, classes=["training_data"])
    app.replace("tune", carries=["examples"])
    reach = threatkit.erasure_reach(app, "letter")
    assert {"tuner", "models"} == reach.perhaps
    assert "carries" in {q.fact for q in reach.questions if q.place == "tune"}
    assert {"tuner", "models"} <= threatkit.erasure_reach(app).elements


def test_an_answered_question_settles_the_reach():
    app = clinic()
    app.element("backup", "datastore", boundary="house")
    app.flow("copy", "archive", "backup")
    question = next(q for q in threatkit.erasure_reach(app, "letter").questions if q.place == "copy")
    threatkit.answer(app, question, ["letter"])
    assert "backup" in threatkit.erasure_reach(app, "letter").elements


def test_data_that_is_not_there_is_named_with_the_nearest_word():
    with pytest.raises(threatkit.NotFoundError, match="letter"):
        threatkit.erasure_reach(clinic(), "leter")


@pytest.mark.parametrize("name", threatkit.samples())
def test_the_reach_is_that_of_networkx(name):
    app = threatkit.sample(name)
    app = app.copy()
    for flow in app.flows.values():  # the part without training: that is not one reach but two
        if flow.kind == "train" or app[flow.target].kind == "training_pipeline":
            app.remove(flow)
    graph = app.graph
    ways = nx.subgraph_view(graph, filter_edge=lambda a, b, key: bool(graph.edges[a, b, key]["carries"] & PERSONAL))
    starts = {n for n in graph if graph.nodes[n]["holds"] & PERSONAL or ways.out_degree(n)}
    plain = starts.union(*(nx.descendants(ways, start) for start in starts))
    stopped = any("context_minimization" in part.controls for part in app)
    reach = threatkit.erasure_reach(app).elements
    assert reach <= plain if stopped else reach == plain


@settings(max_examples=60, deadline=None)
@given(systems(), st.data())
def test_one_more_flow_never_takes_a_place_away(system, data):
    before = threatkit.erasure_reach(system)
    if not system.elements:
        return
    system.flow("one_more", **data.draw(flow_attributes(system)))
    after = threatkit.erasure_reach(system)
    assert before.elements <= after.elements
    assert before.elements | before.perhaps <= after.elements | after.perhaps


@settings(max_examples=40, deadline=None)
@given(systems(), st.randoms(use_true_random=False))
def test_order_and_names_change_no_place_no_asset_and_no_question(system, chance):
    plain = system.to_dict()
    other = System("Another name")
    for section, build in (("data", other.asset), ("boundaries", None)):
        for id, entry in _shuffled(plain.get(section, {}), chance):
            if build:
                build(id, **{**entry, "name": "x"})
    _boundaries(other, plain.get("boundaries", {}))
    for id, entry in _shuffled(plain.get("elements", {}), chance):
        kind, boundary = entry["kind"], entry.get("in")
        rest = {key: value for key, value in entry.items() if key not in ("kind", "in", "name")}
        other.element(id, kind, boundary=boundary, **rest)
    flows = list(plain.get("flows", []))
    chance.shuffle(flows)
    for entry in flows:
        rest = {key: value for key, value in entry.items() if key not in ("id", "from", "to", "name")}
        other.flow(entry["id"], entry["from"], entry["to"], **rest)
    assert summary(system) == summary(other)


def _shuffled(entries: dict, chance: random.Random) -> list:
    pairs = list(entries.items())
    chance.shuffle(pairs)
    return pairs


def _boundaries(system: System, entries: dict) -> None:
    left = dict(entries)
    while left:
        for id, entry in list(left.items()):
            if entry.get("inside") not in left:
                system.boundary(id, **{**entry, "name": None})
                del left[id]


def summary(system: System) -> tuple:
    reach, inventory = threatkit.erasure_reach(system), threatkit.personal_data(system)
    return (
        {(trace.element, trace.form, trace.certain, trace.ends) for trace in reach.traces},
        {(asset.id, frozenset(asset.held), frozenset(asset.sent), frozenset(asset.vendors)) for asset in inventory},
        {(found.element, found.role, found.region, found.contract) for found in inventory.recipients},
        {(q.place, q.fact.partition("(")[0]) for q in (*inventory.questions, *reach.questions)},
    )


def test_the_inventory_says_whose_where_and_who_gets_it():
    (letter,) = threatkit.personal_data(clinic())
    assert (letter.id, letter.subjects, letter.retention, letter.special) == ("letter", ("patients",), "10 years", True)
    assert letter.held == ("archive", "index", "log")
    assert letter.vendors == ("gpt",)
    assert set(letter.crosses) == {"house", "supplier"}


def test_what_the_model_does_not_say_of_personal_data_is_asked():
    asked = {(q.place, q.fact) for q in threatkit.personal_data(clinic()).questions}
    assert {("letter", "purpose"), ("letter", "basis")} <= asked
    assert not {("letter", "subjects"), ("letter", "retention"), ("leaflet", "personal")} & asked


def test_data_of_which_nobody_said_whether_it_is_about_people_is_asked_about():
    app = System("A")
    app.asset("notes", classification="internal")
    app.asset("prices", classification="internal", personal=False)
    app.asset("key", classification="confidential", classes=["credentials"])
    assert {q.place for q in threatkit.personal_data(app).questions} == {"notes"}


def test_a_recipient_has_a_role_a_region_and_a_contract():
    (gpt,) = threatkit.personal_data(clinic()).recipients
    assert (gpt.element, gpt.role, gpt.region, gpt.contract, gpt.transfer) == (
        "gpt", "vendor", "third_country", True, True,
    )  # fmt: skip


def test_a_region_is_inherited_and_an_unsaid_one_is_asked_for():
    app = clinic()
    app.replace(app.boundaries["supplier"], region=None)
    inventory = threatkit.personal_data(app)
    assert inventory.recipients[0].transfer is None
    assert ("supplier", "region") in {(q.place, q.fact) for q in inventory.questions}
    app.boundary("continent", trust="vendor", region="adequate")
    app.replace(app.boundaries["supplier"], inside="continent")
    assert threatkit.personal_data(app).recipients[0].transfer is False


def test_who_only_sends_personal_data_is_no_recipient():
    app = System("A")
    app.boundary("net", trust="untrusted")
    app.element("practice", "external_entity", boundary="net")
    app.element("db", "datastore")
    app.flow("refer", "practice", "db", carries=["pii"])
    assert threatkit.personal_data(app).recipients == ()
    assert forms(threatkit.erasure_reach(app)) == {"practice": "source", "db": "store"}


def test_linddun_groups_hold_every_privacy_finding_with_its_places():
    inventory = threatkit.personal_data(threatkit.sample("fine-tuned-model"))
    groups = inventory.linddun()
    assert tuple(groups) == ORDER
    assert {f.id for group in groups.values() for f in group} == {f.id for f in inventory.findings}
    assert all(finding.places and finding.explanation for finding in inventory.findings)


def test_the_assessment_says_that_it_is_no_legal_advice_and_goes_through_json():
    found = threatkit.assessment(threatkit.sample("enterprise-copilot"))
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["notice"] == NOTICE
    assert "not legal advice" in NOTICE
    for section in plain["sections"]:
        assert all(reference["name"] and reference["url"] for reference in section["references"])
        assert all(len(row) == len(section["heads"]) for row in section["rows"])


def test_the_signs_of_a_full_assessment_carry_their_evidence():
    signs = {row[0]: row[1:] for row in threatkit.assessment(clinic()).section("signs").rows}
    assert signs["specially protected data"] == ("yes", "letter")
    assert signs["people who cannot easily refuse"] == ("yes", "letter")
    assert signs["a model is trained on it"] == ("yes", "tune")
    assert signs["it leaves for a third country"] == ("yes", "gpt")
    assert signs["a model that reads it can act"][0] == "no"


def test_a_system_without_personal_data_has_an_empty_inventory():
    app = System("Nothing yet")
    assert len(threatkit.personal_data(app)) == 0
    assert threatkit.erasure_reach(app).traces == ()
    assert {row[1] for row in threatkit.assessment(app).section("signs").rows} == {"no"}


def test_tables_show_hostile_names_as_text():
    app = System(HOSTILE)
    app.boundary("net", name=HOSTILE, trust="vendor")
    app.asset("data", name=HOSTILE, personal=True, retention=HOSTILE, purpose=HOSTILE)
    app.element("web", "process", name=HOSTILE)
    app.element("gpt", "llm", name=HOSTILE, boundary="net")
    app.flow("ask", "web", "gpt", name=HOSTILE, carries=["data"])
    for made in (threatkit.personal_data, threatkit.erasure_reach, threatkit.assessment):
        tree = ElementTree.fromstring(f"<div>{made(app)._repr_html_()}</div>")
        assert tree.find(".//img") is None
        assert any(HOSTILE in (node.text or "") for node in tree.iter())


def test_the_command_shows_the_inventory_and_its_json_holds_everything(capsys):
    from threatkit.cli import main

    assert main(["privacy", "enterprise-copilot"]) == 0
    shown = " ".join(capsys.readouterr().out.split())  # wherever the lines break
    assert "Personnel files" in shown
    assert "not legal advice" in shown
    assert main(["privacy", "enterprise-copilot", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert {"sections", "inventory", "erasure", "questions", "notice"} <= set(plain)
