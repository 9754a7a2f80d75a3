//! What was measured so far. The benchmark takes a quarter of an hour, so it stores the results of each part, and a part that
//! fails doesn't end it.

use std::time::Instant;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::report::{self, Bar, Report};
use crate::{Plan, Result};

pub(super) struct FleetResults<'a> {
    plan: &'a Plan,
    machine: Value,
    bars: Vec<Bar>,
    figures: Map<String, Value>,
    start: Instant,
}

impl<'a> FleetResults<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        let (bars, figures) = (Vec::new(), Map::new());
        Self { plan, machine: report::machine(plan), bars, figures, start: Instant::now() }
    }

    /// Prints which part begins.
    pub(super) fn begin(&self, part: &str) {
        report::complain(&format!("{:>5} s: {part}", self.start.elapsed().as_secs()));
    }

    pub(super) fn bar(&mut self, bar: Bar) {
        report::complain(&format!("         {}: {}", bar.what, bar.measured));
        self.bars.push(bar);
    }

    pub(super) fn bars(&mut self, bars: Vec<Bar>) {
        for bar in bars {
            self.bar(bar);
        }
    }

    pub(super) fn figure(&mut self, name: &str, figure: &impl Serialize) {
        self.figures.insert(name.to_owned(), json!(figure));
    }

    /// Ends a part, and stores all results. If the part failed, the error is a missed bar.
    pub(super) fn end<T>(&mut self, part: &str, done: Result<T>) -> Result<Option<T>> {
        let done = match done {
            Ok(done) => Some(done),
            Err(error) => {
                self.bar(Bar::missed(part, "measured", format!("failed: {error}")));
                None
            }
        };
        if !self.plan.quick {
            let mut bars = self.bars.clone();
            bars.push(Bar::missed("the rest", "measured", format!("interrupted after: {part}")));
            Report::new("fleet", self.machine.clone(), bars, Value::Object(self.figures.clone()))
                .write(&self.plan.output)?;
        }
        Ok(done)
    }

    pub(super) fn report(self) -> Report {
        Report::new("fleet", self.machine, self.bars, Value::Object(self.figures))
    }
}
