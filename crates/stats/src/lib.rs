//! Histograms that merge, the timeline, and the judge: from counts to a verdict. Pure: no I/O, no clock.
