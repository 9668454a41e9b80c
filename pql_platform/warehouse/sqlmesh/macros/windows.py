"""Macros for how the behaviour of some days becomes the value of a signal.

`windows` is the part of the definition with each signal's measure, window and scale.
"""

from sqlmesh import macro

from macros.literals import parsed, text


@macro()
def signal_windows(evaluator, windows):
    """One row per signal: its measure, window and scale."""
    return " UNION ALL ".join(
        f"""
        SELECT
          {text(program["program"])}::TEXT AS program, {text(signal["name"])}::TEXT AS signal,
          {text(signal["measure"])}::TEXT AS measure,
          {signal["window_days"]}::BIGINT AS window_days,
          {signal["threshold"]}::DOUBLE AS threshold,
          {program["half_life_days"]}::DOUBLE AS half_life_days,
          {"TRUE" if signal["counts_team"] else "FALSE"} AS counts_team
        """
        for program in parsed(windows)
        for signal in program["signals"]
    )
