"""Formulas: everyday LaTeX leaves no backslash, the rest is shown as code, and no text becomes an element."""

import re

import pytest

from clvlib.reporting.mathml import to_mathml

EVERYDAY = [
    r"\mathrm{CLV} = \sum_{t=0}^{T} \frac{m\,r^t}{(1+d)^t} - A",
    r"\mathrm{CLV}_\infty = m\,\frac{1+d}{1+d-r}",
    r"\hat{y} = \sigma(\beta_0 + \boldsymbol{\beta}^\top \mathbf{x}) = \frac{1}{1+e^{-z}}",
    r"s_{uv} = \frac{\sum_{i \in I_{uv}} r_{ui}\, r_{vi}}{\sqrt{\sum_i r_{ui}^2}\,\sqrt{\sum_i r_{vi}^2}}",
    r"\hat r_{ui} = \bar r_u + \frac{\sum_{v} s_{uv}(r_{vi} - \bar r_v)}{\sum_v |s_{uv}|}",
    r"\operatorname{idf}(t) = \ln \frac{1+n}{1+\operatorname{df}(t)} + 1",
    r"\mathcal{L} = \max(0, \alpha + \lVert a - p \rVert_2^2 - \lVert a - n \rVert_2^2)",
    r"\arg\max_{k} P(k \mid x)",
    r"\Pr(T > t \mid \lambda) = e^{-\lambda t} \quad \text{for } t \ge 0",
    r"\mathrm{NDCG@10} = \frac{1}{Z}\sum_{k=1}^{10}\frac{2^{g_k}-1}{\log_2(k+1)}",
    r"\begin{aligned} a &= b + c \\ &= d \end{aligned}",
    r"\begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}",
    r"\begin{cases} 1 & \text{if } x > 0 \\ 0 & \text{otherwise} \end{cases}",
    r"\binom{n}{k} p^k (1-p)^{n-k} \approx 0.85625 \times 10^{-3}",
    r"\left( \frac{a}{b} \right)^2 \cdot \overline{x} \le \infty",
    r"P(\text{alive} \mid x, t_x, T) \to \frac{\Gamma(r+x)}{\Gamma(r)}",
    r"20\,\% \text{ of } \$100",
    r"1 - 0.5 \neq 0.8, \; \forall i \in \{1, \dots, n\}",
]


@pytest.mark.parametrize("latex", EVERYDAY)
@pytest.mark.parametrize("display", [False, True])
def test_everyday_formulas_leave_no_backslash(latex, display):
    mathml = to_mathml(latex, display=display)
    assert mathml.startswith("<math ")
    assert f'display="{"block" if display else "inline"}"' in mathml
    assert "\\" not in mathml.striptags()
    assert "&amp;#" not in mathml


@pytest.mark.parametrize("latex", [r"\unknowncommand{x}", r"a \hfill b", r"\left( x", ""])
def test_what_the_converter_does_not_know_is_shown_as_code_and_not_dropped(latex):
    shown = to_mathml(latex)
    assert "\\" not in re.sub(r"<code.*?</code>", "", shown)
    if latex:
        assert latex.split("{")[0] in shown.unescape()


@pytest.mark.parametrize(
    "latex",
    [
        r"\text{<img src=x onerror=alert(1)>}",
        r"\text{&lt;script&gt;alert(1)&lt;/script&gt;}",
        r"\mbox{</math><script>alert(1)</script>}",
        r"\href{javascript:alert(1)}{x}",
        r"\class{x\" onclick=alert(1)}{y}",
        r"\style{background:url(https://example.org)}{y}",
        r"\color{red\" onclick=\"alert(1)}{y}",
        r"x < y > z & \"",
    ],
)
def test_no_text_becomes_an_element_and_no_attribute_an_address(latex):
    from html.parser import HTMLParser

    tags, attributes = set(), []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.add(tag)
            attributes.extend(attrs)

    Reader().feed(str(to_mathml(latex)))
    assert not tags & {"script", "img", "a"}
    for name, value in attributes:
        assert not name.startswith("on")
        assert name not in {"href", "style"}
        assert "javascript" not in value
