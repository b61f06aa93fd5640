//! A trial's life: plan, launch, phases, judge, stop, report, seal.
