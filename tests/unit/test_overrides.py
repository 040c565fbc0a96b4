"""A redeploy's words lie over the site file until the file says something new there."""

from __future__ import annotations

import pytest

from magnumhub.domain.errors import InputError
from magnumhub.domain.overrides import Override, laid_over, overrides_asked, read, replaced, still_counting, written
from magnumhub.domain.spec import Site
from magnumhub.domain.spec_file import load_site, parse_site

SITE = load_site("deployments/example-site.yaml")
ASKED = overrides_asked(
    SITE,
    chart_versions={"jupyterhub": "4.1.0", "dask_gateway": None},
    values={"jupyterhub": {"singleuser": {"memory": {"limit": "4G"}}}, "dask_gateway": {}},
    image="quay.io:5000/lab/notebook:2026.11.01",
)


def edited(path: str, value: object) -> Site:
    """The site file with one field of another value."""
    whole = SITE.model_dump(mode="json", by_alias=True)
    *above, last = path.split(".")
    node = whole
    for key in above:
        node = node[key]
    node[last] = value
    return parse_site(whole)


def test_what_was_asked_for_counts() -> None:
    site = laid_over(SITE, ASKED)
    assert site.jupyterhub.chart.version == "4.1.0"
    assert site.image.reference == "quay.io:5000/lab/notebook:2026.11.01"
    assert site.jupyterhub.values["singleuser"]["memory"] == {"limit": "4G"}
    assert site.dask_gateway == SITE.dask_gateway


def test_a_field_that_the_file_says_anew_is_the_files_and_the_others_stay() -> None:
    site = laid_over(edited("image.tag", "2027.01.01"), ASKED)
    assert site.image.tag == "2027.01.01"
    assert site.image.name == "quay.io:5000/lab/notebook"
    assert site.jupyterhub.chart.version == "4.1.0"


def test_a_value_beside_the_one_asked_for_does_not_undo_it() -> None:
    site = laid_over(edited("jupyterhub.values", {"singleuser": {"cpu": {"limit": 2}}}), ASKED)
    assert site.jupyterhub.values["singleuser"] == {"cpu": {"limit": 2}, "memory": {"limit": "4G"}}


def test_the_later_word_counts() -> None:
    later = overrides_asked(SITE, chart_versions={"jupyterhub": "4.4.0"}, values={}, image=None)
    kept = replaced(ASKED, later)
    assert laid_over(SITE, kept).jupyterhub.chart.version == "4.4.0"
    assert len(kept) == len(ASKED)


def test_a_reference_to_a_secret_is_replaced_as_a_whole() -> None:
    site = edited("jupyterhub.values", {"hub": {"extraEnv": {"URL": {"env": "A"}}}})
    given = {"hub": {"extraEnv": {"URL": {"file": "/run/url"}}}}
    asked = overrides_asked(site, chart_versions={}, values={"jupyterhub": given}, image=None)
    assert laid_over(site, asked).jupyterhub.values["hub"]["extraEnv"]["URL"] == {"file": "/run/url"}


def test_what_the_file_said_anew_once_is_over_for_good() -> None:
    assert still_counting(SITE, ASKED) == ASKED
    assert Override(path=("image", "tag"), value="2026.11.01", over=SITE.image.tag) not in still_counting(
        edited("image.tag", "2027.01.01"), ASKED
    )


def test_a_version_has_to_be_one() -> None:
    with pytest.raises(InputError, match="no version"):
        overrides_asked(SITE, chart_versions={"jupyterhub": "newest-compatible"}, values={}, image=None)


def test_it_is_kept_as_text() -> None:
    assert read(written(ASKED)) == ASKED


@pytest.mark.parametrize("image", ["notebook", "registry:5000/notebook"])
def test_an_image_without_a_tag_is_refused(image: str) -> None:
    with pytest.raises(InputError, match="NAME:TAG"):
        overrides_asked(SITE, chart_versions={}, values={}, image=image)


def test_what_makes_no_site_is_refused_with_its_field() -> None:
    bad = Override(path=("jupyterhub", "chart", "version"), value="latest", over=SITE.jupyterhub.chart.version)
    with pytest.raises(InputError, match=r"jupyterhub\.chart\.version"):
        laid_over(SITE, [bad])
