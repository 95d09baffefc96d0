"""docs/reasons.md: every named reason, with the meaning that stands beside it in the code."""

import re
from enum import StrEnum
from importlib import import_module
from inspect import getsource

from andon.evidence import Lost
from andon.reasons import Reason
from andon.records import Cause, Did, IncidentKind, NoticeKind, RequestState, Severity, Told, Unscorable, Verdict, Wish
from generator.markdown import code, page, section, table

_MEMBER = re.compile(r'^ +[A-Z_]+ = "(\w+)"(?:  # (.+))?$', re.MULTILINE)


def reasons() -> str:
    """The page."""
    skip = import_module("andon_ingest.capture").Skip
    why, telling = import_module("andon_alerting.policy").Why, import_module("andon_alerting.alerting").Telling
    found = import_module("andon_drift.detect").Why
    watched = import_module("andon_drift.watch.rules").Reason
    correlated, overruled = (import_module(f"andon_alerting.{name}").Why for name in ("correlate", "false_calls"))
    action = import_module("andon_machines.result").Action
    leaves = import_module("andon_alerting.evidence.tidy").Leaves
    became = import_module("andon_alerting.evidence.review").Became
    judging = import_module("andon_ingest.heartbeat.judging")
    trials, newcomers = (import_module(f"andon_training.trainer.{name}") for name in ("trials", "newcomers"))
    return page(
        "Reasons",
        "Each is a word that logs, metrics, records and tests share.",
        section(
            "Dead letters", "Header `andon-reason`; label `reason` of `andon_frames_dead_lettered_total`.", _of(Reason)
        ),
        section(
            "Skipped at capture", "Header `ce_skipped`; label `reason` of `andon_frames_skipped_total`.", _of(skip)
        ),
        section("Verdicts", "Field `verdict` of a score.", _of(Verdict)),
        section("Unscorable", "Field `unscorable` of a score whose verdict is `unscorable`.", _of(Unscorable)),
        section("Answers of people", "Field `answer` of an answer.", _of(Told)),
        section("What people did", "Field `did` of a deed, in the audit log.", _of(Did)),
        section("What people ask training for", "Field `wish` of a request.", _of(Wish)),
        section("What became of a request", "Field `state` of its news.", _of(RequestState)),
        section("Causes of incidents", "Field `cause` of an incident event.", _of(Cause)),
        section("Turns of an incident", "Field `kind` of an incident event.", _of(IncidentKind)),
        section("What a gate is to do", "Field `action` of what machines are told by MQTT.", _of(action)),
        section("Severity", "Field `severity` of an incident event.", _of(Severity)),
        section("Why alerting decided so", "Field `reason` of an incident event; `why` in the log.", _of(why)),
        section(
            "Why a finding became what it did",
            "Field `reason` of an incident event; `why` in the log.",
            _of(correlated),
        ),
        section("Why a false-call budget is judged so", "Field `reason` of an incident event.", _of(overruled)),
        section("Whether people are told", "Field `telling` in the log.", _of(telling)),
        section("Why drift decided so", "Field `why` in its log.", _of(found)),
        section("Why a finding of drift began or ended", "Field `why` in drift's log.", _of(watched)),
        section("How a heartbeat came back", "Label `outcome` of `andon_heartbeats_total`.", _of(judging.Outcome)),
        section("Why a golden frame was judged so", "Field `why` in the heartbeat's log.", _of(judging.Why)),
        section(
            "Why a frame could not be kept",
            "Field `lost` of incident.json; label `outcome` of `andon_evidence_frames_total`, which also says `kept`, "
            "and of `andon_evidence_answers_total`.",
            _of(Lost),
        ),
        section(
            "What became of a frame that somebody answered",
            "Label `outcome` of `andon_evidence_answers_total`, which also says why a frame could not be kept.",
            _of(became),
        ),
        section("Why evidence goes", "Label `reason` of `andon_evidence_removed_total`.", _of(leaves)),
        section(
            "Notices", "Field `kind` of a notice; label `kind` of `andon_trainer_decisions_total`.", _of(NoticeKind)
        ),
        section("Why a trial ended so", "Label `why` of `andon_trainer_decisions_total`.", _of(trials.Why)),
        section("How a frame of a new station looks", "Only the good ones count.", _of(newcomers.Look)),
    )


def meanings(names: type[StrEnum]) -> dict[str, str]:
    """Each value of an enum with the comment beside it."""
    return {value: (meaning or "").strip() for value, meaning in _MEMBER.findall(getsource(names))}


def _of(names: type[StrEnum]) -> str:
    rows = meanings(names)
    missing = {each.value for each in names} - rows.keys()
    if missing:
        raise ValueError(f'{names.__name__}: write each member on one line, NAME = "value"  # meaning: {missing}')
    return table(("reason", "meaning"), ((code(value), meaning) for value, meaning in rows.items()))
