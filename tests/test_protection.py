"""Encryption and secrets: what is protected and why, what others read all the same, which secrets a model sees."""

import json
import xml.etree.ElementTree as ElementTree

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import flow_attributes, systems

import threatkit
from threatkit.model import System

HOSTILE = "<img src=x onerror=alert(1)>&\"'"


def shop() -> System:
    app = System("Shop")
    app.boundary("us", trust="trusted")
    app.boundary("them", trust="vendor")
    app.asset("orders", classification="confidential", personal=True)
    app.asset("key", classes=["credentials"])
    app.asset("manual", classification="public")
    app.element("web", "process", boundary="us")
    app.element("bot", "agent", boundary="us")
    app.element("db", "datastore", boundary="us", holds=["orders"], controls=["encryption_at_rest"])
    app.element("vault", "secrets_store", boundary="us", holds=["key"], without=["encryption_at_rest"])
    app.element("mail", "tool", boundary="us")
    app.element("gpt", "llm", boundary="them")
    app.flow("look", "db", "bot", carries=["orders"], protocol="sql")
    app.flow("ask", "web", "bot", carries=["manual"], protocol="http")
    app.flow("prompt", "bot", "gpt", carries=["orders"], protocol="https")
    app.flow("secret", "vault", "mail", carries=["key"], controls=["mtls"])
    app.flow("send", "bot", "mail", kind="call", carries=["orders"], encrypted=True)
    return app


def test_a_flow_is_encrypted_as_said_by_itself_else_by_control_else_by_protocol():
    flows = {flow.flow: (flow.encrypted, flow.why) for flow in threatkit.encryption_posture(shop()).flows}
    assert flows == {
        "ask": (False, "protocol http"),
        "look": (None, "protocol sql alone does not say"),
        "prompt": (True, "protocol https"),
        "secret": (True, "control mtls"),
        "send": (True, "said of the flow"),
    }


def test_a_missing_control_and_plain_silence_have_reasons_too():
    app = System("A")
    app.element("a", "process")
    app.flow("bare", "a", "a", without=["tls"])
    app.flow("open", "a", "a")
    why = {flow.flow: flow.why for flow in threatkit.encryption_posture(app).flows}
    assert why == {"bare": "control tls is said to be missing", "open": "neither protocol nor control is said"}


def test_plain_comes_first_then_unknown_then_encrypted():
    posture = threatkit.encryption_posture(shop())
    assert [flow.encrypted for flow in posture.flows] == [False, None, True, True, True]
    assert [(store.element, store.encrypted) for store in posture.stores] == [("vault", False), ("db", True)]


def test_what_nobody_said_is_a_question_only_where_sensitive_data_may_be():
    asked = {(q.place, q.fact) for q in threatkit.encryption_posture(shop()).questions}
    assert asked == {("look", "encrypted"), ("db", "keys")}
    app = shop()
    app.replace("look", carries=["manual"])
    app.replace("db", keys="own")
    assert threatkit.encryption_posture(app).questions == ()


def test_answering_settles_the_posture():
    app = shop()
    question = next(q for q in threatkit.encryption_posture(app).questions if q.place == "look")
    threatkit.answer(app, question, False)
    assert "look" not in {q.place for q in threatkit.encryption_posture(app).questions}
    assert "look" in {place for f in threatkit.encryption_posture(app).findings for place in f.places}


@pytest.mark.parametrize("name", threatkit.samples())
def test_the_posture_agrees_with_the_graph(name):
    app = threatkit.sample(name)
    graph = {key: said for _, _, key, said in app.graph.edges(keys=True, data="encrypted")}
    assert {flow.flow: flow.encrypted for flow in threatkit.encryption_posture(app).flows} == graph


def test_a_vendor_reads_what_comes_over_an_encrypted_line():
    (gpt,) = threatkit.readable_by_vendors(shop())
    assert (gpt.element, gpt.trust, gpt.data, gpt.encrypted, gpt.sealed) == ("gpt", "vendor", ("orders",), True, False)
    assert set(gpt.classes) == {"confidential", "pii"}


@pytest.mark.parametrize("keys, sealed", [(None, False), ("vendor", False), ("own", False), ("client_side", True)])
def test_a_store_of_a_vendor_is_sealed_only_where_the_keys_never_get_there(keys, sealed):
    app = shop()
    app.element("bucket", "datastore", boundary="them", keys=keys, controls=["encryption_at_rest"])
    app.flow("backup", "web", "bucket", carries=["orders"], protocol="https")
    found = {record.element: record.sealed for record in threatkit.readable_by_vendors(app)}
    assert found == {"gpt": False, "bucket": sealed}


def test_a_process_of_a_vendor_must_read_to_work_whoever_holds_the_keys():
    app = shop()
    app.replace("gpt", keys="client_side")
    assert [record.sealed for record in threatkit.readable_by_vendors(app)] == [False]


def test_our_own_elements_and_people_are_no_vendors():
    app = shop()
    app.boundary("net", trust="untrusted")
    app.element("customer", "user", boundary="net")
    app.flow("tell", "web", "customer", carries=["orders"])
    assert {record.element for record in threatkit.readable_by_vendors(app)} == {"gpt"}


def test_a_flow_to_a_vendor_that_does_not_say_what_it_carries_is_a_question():
    app = shop()
    app.flow("more", "web", "gpt")
    assert [(q.place, q.fact) for q in threatkit.readable_by_vendors(app).questions] == [("more", "carries_sensitive")]


def test_a_model_uses_the_secrets_of_what_it_calls_and_does_not_see_them():
    (secret,) = threatkit.reachable_secrets(shop())
    assert (secret.data, secret.held_at, secret.element, secret.how) == ("key", "vault", "bot", "by use")
    assert secret.path == ("bot", "send", "mail")


def test_a_secret_that_travels_to_a_model_is_in_its_context_and_in_that_of_the_next_model():
    app = shop()
    app.flow("hand", "vault", "bot", carries=["key"])
    app.replace("prompt", carries=["orders", "key"])
    seen = {(s.element, s.path) for s in threatkit.reachable_secrets(app) if s.how == "in context"}
    assert seen == {
        ("bot", ("vault", "hand", "bot")),
        ("gpt", ("vault", "hand", "bot", "prompt", "gpt")),
    }


def test_one_secret_does_not_travel_on_the_flows_of_another():
    app = shop()
    app.asset("other", classes=["credentials"])
    app.flow("hand", "vault", "bot", carries=["key"])
    app.element("notes", "datastore", boundary="us", holds=["other"])
    app.flow("read", "notes", "bot", carries=["other"])
    app.replace("prompt", carries=["other"])
    assert {s.data for s in threatkit.reachable_secrets(app) if s.element == "gpt"} == {"other"}


def test_a_secrets_store_that_does_not_say_what_it_hands_out_is_a_question():
    app = shop()
    app.flow("hand", "vault", "bot")
    asked = {(q.place, q.fact) for q in threatkit.reachable_secrets(app).questions}
    assert [(place, "credentials" in fact) for place, fact in asked] == [("hand", True)]
    assert not [s for s in threatkit.reachable_secrets(app) if s.how == "in context"]


@pytest.mark.parametrize("name", threatkit.samples())
def test_secrets_in_context_are_those_of_networkx(name):
    app = threatkit.sample(name)
    graph, secrets = app.graph, threatkit.reachable_secrets(app)
    for data in (id for id, asset in app.data.items() if "credentials" in asset.data_classes):
        ways = nx.subgraph_view(graph, filter_edge=lambda a, b, key, d=data: d in (app.flows[key].carries or ()))
        keepers = [id for id, element in app.elements.items() if data in (element.holds or ())]
        seen = set(keepers).union(*(nx.descendants(ways, keeper) for keeper in keepers))
        models = {id for id in seen if app[id].kind in ("agent", "llm")}
        found = {s.element for s in secrets if s.data == data and s.held_at in keepers and s.how == "in context"}
        assert found == models


@settings(max_examples=40, deadline=None)
@given(systems(), st.data())
def test_one_more_flow_never_hides_a_secret_from_a_model(system, data):
    before = {s.element for s in threatkit.reachable_secrets(system) if s.how == "in context"}
    if not system.elements:
        return
    system.flow("one_more", **data.draw(flow_attributes(system)))
    assert before <= {s.element for s in threatkit.reachable_secrets(system) if s.how == "in context"}


@settings(max_examples=40, deadline=None)
@given(systems())
def test_every_flow_and_store_has_one_row_and_all_of_it_goes_through_json(system):
    posture = threatkit.encryption_posture(system)
    assert sorted(flow.flow for flow in posture.flows) == sorted(system.flows)
    stores = [id for id, element in system.elements.items() if element.shape == "store"]
    assert sorted(store.element for store in posture.stores) == sorted(stores)
    for records in (posture, threatkit.readable_by_vendors(system), threatkit.reachable_secrets(system)):
        assert all(len(row) == len(records.heads) for row in records.rows())
        json.dumps(records.to_dict())


def test_tables_show_hostile_names_as_text():
    app = System(HOSTILE)
    app.boundary("net", name=HOSTILE, trust="vendor")
    app.asset("key", name=HOSTILE, classes=["credentials"])
    app.element("vault", "secrets_store", name=HOSTILE, holds=["key"])
    app.element("gpt", "llm", name=HOSTILE, boundary="net")
    app.flow("hand", "vault", "gpt", name=HOSTILE, carries=["key"])
    for made in (threatkit.encryption_posture, threatkit.readable_by_vendors, threatkit.reachable_secrets):
        tree = ElementTree.fromstring(f"<div>{made(app)._repr_html_()}</div>")
        assert tree.find(".//img") is None
        assert any(HOSTILE in (node.text or "") for node in tree.iter())


def test_the_command_shows_the_tables_and_its_json_holds_everything(capsys):
    from threatkit.cli import main

    assert main(["encryption", "support-assistant"]) == 0
    assert "Carrier API key" in capsys.readouterr().out
    assert main(["encryption", "support-assistant", "--json"]) == 0
    assert {"posture", "readable_by_vendors", "reachable_secrets"} <= set(json.loads(capsys.readouterr().out))
