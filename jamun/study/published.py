"""Published numbers that the study's are held beside: the only ones here that are typed by hand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """Numbers of one model, by the columns of the summary; `source` and what differs from the study."""

    name: str
    source: str
    differs: str
    values: dict[str, float]


JAMUN = Published(
    "JAMUN v2, capped dipeptides",
    "Daigavane et al., arXiv:2410.14621, second version; time a sample on one A100",
    "its MD is 20 ns in explicit water (TIP3P), with amber99sbildn; its network has 10.5 million parameters, and its "
    "samples are 100,000 a peptide",
    {
        "js_backbone": 0.291,
        "js_side_chain": 0.320,
        "js_all": 0.304,
        "js_tica_0": 0.351,
        "js_tica_0_1": 0.438,
        "js_msm": 0.264,
        "ms_per_sample": 2.2,
    },
)
TENTH = Published(
    "MD cut to a tenth, capped dipeptides",
    "the same",
    "its MD in explicit water",
    {
        "js_backbone": 0.447,
        "js_side_chain": 0.406,
        "js_all": 0.424,
        "js_tica_0": 0.557,
        "js_tica_0_1": 0.564,
        "js_msm": 0.543,
    },
)
ALL = (JAMUN, TENTH)
