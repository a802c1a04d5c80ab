"""This module runs what is missing of the phases of open sweeps, all of them side by side."""

from collections.abc import Sequence

from sweeps.display import Display
from sweeps.driver.budget import Spending
from sweeps.driver.news import News
from sweeps.driver.open_sweep import OpenSweep
from sweeps.driver.phases import PhaseLayout
from sweeps.driver.tune_scheduler import RungSurvival
from sweeps.driver.tuning import TrialsToRun, Watchers, run_trials
from sweeps.driver.view import SweepView
from sweeps.search.queues import PhaseQueue
from sweeps.site.site import Site


class PhaseRun:
    """A PhaseRun has the phases of some sweeps at one site, with one budget and one view."""

    def __init__(self, sweeps: Sequence[OpenSweep], site: Site, *, display: Display) -> None:
        self._sweeps, self._site, self._display = sweeps, site, display
        spec, spent_s = sweeps[0].spec, sum(sweep.known.trial_seconds() for sweep in sweeps)
        self._spending = Spending(budget=spec.budget, resources=spec.resources, trial_s=spent_s)
        self._view = _view_of(sweeps, self._spending)
        self._view.dashboard = site.dashboard
        self._phases = {sweep.spec.name: PhaseLayout(sweep) for sweep in sweeps}
        self._queues = [
            PhaseQueue(
                sweep.spec.name,
                sweep.spec.trial_phases,
                lay_out=self._phases[sweep.spec.name].queue,
                on_phase=self._view.phase,
            )
            for sweep in sweeps
        ]

        self._view.standings = lambda: {each.sweep: each.standing for each in self._queues if each.standing}

    def run(self) -> None:
        """Run what is missing, and say what a person should know of it."""
        # All of them are asked, so that each lays out what it has.
        if not self._spending.is_over and any([queue.has_jobs() for queue in self._queues]):  # noqa: C419 (no early end)
            for name, phases in self._phases.items():
                for remark in phases.remarks:
                    self._display.say(f"{name}: {remark}")
                if phases.taken:
                    self._display.say(f"{name} begins with {phases.taken} finished trials of other sweeps")
            self._run_trials()
        for remark in (remark for queue in self._queues for remark in queue.remarks):
            self._display.say(remark)
        if self._spending.exceeded:
            self._display.say(f"{self._spending.exceeded}: no further trial was begun")

    def _run_trials(self) -> None:
        site, display, contexts = self._site, self._display, [sweep.context for sweep in self._sweeps]
        rungs = {sweep.spec.name: sweep.known.rungs() for sweep in self._sweeps}
        materials = {context.sweep: context.materials for context in contexts}
        self._spending.resources = site.pack([sweep.spec for sweep in self._sweeps], materials, display=display)
        need, scheduler = site.need(self._spending.resources), RungSurvival(rungs)
        news = News(self._sweeps, lambda: sum(self._view.counts.values()))
        with site.session() as share, display.watch(self._view) as refresh, news:
            trials = TrialsToRun(contexts=contexts, queues=self._queues, need=need, scheduler=scheduler, share=share)
            run_trials(trials, Watchers(self._view, self._spending, refresh=refresh))


def _view_of(sweeps: Sequence[OpenSweep], spending: Spending) -> SweepView:
    """Returns a view with all students that were finished before."""
    costs = {sweep.spec.name: sweep.spec.limit_cost for sweep in sweeps}
    view = SweepView({sweep.spec.name: sweep.teacher_objectives for sweep in sweeps}, spending, costs=costs)
    for sweep in sweeps:
        for key, objectives in sweep.known.finished_students().items():
            view.known(sweep.spec.name, key, objectives=objectives)
    return view
