"""What the value of a flow says about its own job."""

from typing import Any

from tidemill.model.flow import Debounce, Flow

FLOW_TAG = "flow"


def job_settings(flow: Flow) -> dict[str, Any]:
    """Settings by their names on the wire, only those given."""
    settings: dict[str, Any] = {
        "cache_ttl": flow.cache_ttl_s,
        "priority": flow.priority,
        "delete_after_secs": flow.delete_after_s,
    }
    if flow.limit is not None:
        settings |= {
            "concurrent_limit": flow.limit.count,
            "concurrency_time_window_s": flow.limit.window_s,
            "concurrency_key": flow.limit.key,
        }
    if flow.debounce is not None:
        settings |= debounce_settings(flow.debounce)
    return {name: value for name, value in settings.items() if value}


def debounce_settings(debounce: Debounce) -> dict[str, Any]:
    """What is said about calls that wait, by the names on the wire."""
    return {
        "debounce_delay_s": debounce.delay_s,
        "debounce_key": debounce.key,
        "debounce_args_to_accumulate": debounce.gathered,
        "max_total_debouncing_time": debounce.most_s,
        "max_total_debounces_amount": debounce.most,
    }
