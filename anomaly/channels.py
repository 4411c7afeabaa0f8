"""What a bank of averages amounts to: the worst tag, all tags together, the plane of PCA, what lies off it, and noise.

Each channel is a distance in the same sense, and is divided by what it reaches in one normal sample of a hundred, so
that the worst of them is one score.

References
----------
H. Hotelling, "Multivariate quality control", in "Techniques of Statistical Analysis", McGraw-Hill, 1947.
J. E. Jackson, G. S. Mudholkar, "Control procedures for residuals associated with principal component analysis",
Technometrics 21(3), 1979, doi:10.1080/00401706.1979.10489779.
C. F. Alcala, S. J. Qin, "Reconstruction-based contribution for process monitoring", Automatica 45(7), 2009,
doi:10.1016/j.automatica.2009.02.027.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from plant_io.signals import Floats

Channel = Literal["tag", "joint", "plane", "off_plane", "spread"]
"""Worst tag, T2 of all, PCA T2, PCA Q, and noise."""

_TAG: Channel = "tag"

CHANNELS: tuple[Channel, ...] = get_args(Channel)
"""All channels, in order; noise has one rate, the others have those of the bank."""


def counted(channels: Sequence[Channel], rates: int) -> list[int]:
    """Return the positions, among all distances, of those of some channels [1].

    Parameters
    ----------
    channels
        The channels.
    rates
        Rates of the bank [1].
    """
    places = [c * rates + r for c, name in enumerate(CHANNELS[:-1]) if name in channels for r in range(rates)]
    return [*places, *([4 * rates] if CHANNELS[-1] in channels else [])]


class Plane(NamedTuple):
    """Principal axes of the residuals."""

    axes: Floats
    """One axis in a column, shape ``(tags, tags)`` [1]."""
    powers: Floats
    """Variance along each axis, regularised [1], falling."""
    kept: int
    """Axes that span the plane [1]."""


def plane(residuals: Floats, shrink: float, explained: float) -> Plane:
    """Return the principal axes of residuals.

    Parameters
    ----------
    residuals
        Residuals, shape ``(samples, tags)``, in standard deviations [1]; 0 throughout where a tag is not judged.
    shrink
        How far correlations are drawn towards none [1].
    explained
        Share of the variance that spans the plane [1].
    """
    related = np.einsum("ni,nj->ij", residuals, residuals) / max(len(residuals), 1)
    related = (1.0 - shrink) * related
    related[np.diag_indices_from(related)] = 1.0
    powers, axes = np.linalg.eigh(related)
    powers, axes = powers[::-1], axes[:, ::-1]
    spanned = np.cumsum(powers) / powers.sum()
    return Plane(axes, np.maximum(powers, 1e-3), int(np.searchsorted(spanned, explained)) + 1)


class Channels:
    """Distances of a bank from normal, by channel and rate.

    Parameters
    ----------
    plane
        Principal axes of the residuals.
    rates
        Rates of the bank [1].
    wanted
        Channels that are computed; the distances of others are 0.
    """

    def __init__(self, plane: Plane, rates: int, wanted: Sequence[Channel] = CHANNELS) -> None:
        inside = np.arange(len(plane.powers)) < plane.kept
        self._axes = np.ascontiguousarray(plane.axes.transpose())
        self._forms = np.stack([1.0 / plane.powers, inside / plane.powers, 1.0 * ~inside])
        self._rates = rates
        self.width: int = 4 * rates + 1
        self._tag = _TAG in wanted or CHANNELS[-1] in wanted
        self._squared = tuple(c for c, name in enumerate(CHANNELS[1:-1]) if name in wanted)

    @property
    def nbytes(self) -> int:
        """Size of its arrays [byte]."""
        return self._axes.nbytes + self._forms.nbytes

    def distances(self, z: Floats) -> Floats:
        """Return the distances, shape ``(lanes, 4 x rates + 1)`` [1]: rates within channels, then noise.

        Parameters
        ----------
        z
            Averages, in their own standard deviations, shape ``(lanes, rates + 1, tags)`` [1], the squares last.
        """
        rates = self._rates
        out = np.zeros((len(z), self.width))
        if self._tag:
            farthest = np.maximum.reduce(np.abs(z), axis=2)
            out[:, :rates] = farthest[:, :-1]
            out[:, -1] = farthest[:, -1]
        if not self._squared:
            return out
        turned = np.einsum("lrt,kt->lrk", z[:, :-1], self._axes)
        turned *= turned
        for c in self._squared:
            place = (1 + c) * rates
            np.sqrt(np.einsum("lrk,k->lr", turned, self._forms[c]), out=out[:, place : place + rates])
        return out

    def name(self, place: int) -> tuple[Channel, int]:
        """Return the channel and the position of the rate of a distance.

        Parameters
        ----------
        place
            Position among the distances [1].
        """
        return (CHANNELS[place // self._rates], place % self._rates) if place < self.width - 1 else ("spread", 0)

    def shares(self, z: Floats, channel: Channel) -> Floats:
        """Return what each tag contributes to the square of a distance, shape ``(tags,)`` [1].

        Parameters
        ----------
        z
            Averages of one lane and rate, in their own standard deviations [1], shape ``(tags,)``.
        channel
            Which distance.
        """
        if channel in {"tag", "spread"}:
            return z * z
        form = self._forms[("joint", "plane", "off_plane").index(channel)]
        return np.asarray(z * np.einsum("kt,k->t", self._axes, form * np.einsum("t,kt->k", z, self._axes)))
