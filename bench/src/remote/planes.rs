//! One control plane and three, each on a copy of the same database, measured alternately.

use serde::Serialize;

use crate::Result;
use crate::deployment::Deployment;
use crate::process::Process;
use crate::report::Bar;
use crate::statistics::Spread;
use bucketry_test_servers::bucketry::Options;

const CONTROL_PLANES: usize = 3;
/// Maximum figure of three control planes, as a multiple of that of one.
const LIMIT: (f64, &str) = (1.2, "≤ 1.2 ×");

/// Which control planes get the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Routing {
    /// The only one.
    Single,
    /// Always the same of three.
    OneOfThree,
    /// All three in turn.
    AllThree,
}

impl Routing {
    pub(super) const ALL: [Self; 3] = [Self::Single, Self::OneOfThree, Self::AllThree];

    fn describe(self) -> &'static str {
        match self {
            Self::Single => "at one control plane",
            Self::OneOfThree => "at one of three control planes",
            Self::AllThree => "spread over three control planes",
        }
    }
}

/// Control planes without nodes: one, and three that share another database.
pub(super) struct ComparedPlanes {
    pub(super) single: Deployment,
    pub(super) three: Vec<Deployment>,
}

impl ComparedPlanes {
    pub(super) async fn start(single: Options, shared: Options) -> Result<Self> {
        let shared = shared.arg("--no-node");
        let single = Deployment::start(single.arg("--no-node")).await?;
        let mut three = vec![Deployment::start(shared.clone()).await?];
        while three.len() < CONTROL_PLANES {
            let beside = three[0].start_beside(shared.clone()).await?;
            three.push(beside);
        }
        Ok(Self { single, three })
    }

    /// The control planes that get the requests.
    pub(super) fn targets(&self, routing: Routing) -> &[Deployment] {
        match routing {
            Routing::Single => std::slice::from_ref(&self.single),
            Routing::OneOfThree => &self.three[..1],
            Routing::AllThree => &self.three,
        }
    }

    /// The processes whose CPU time counts: all that share the database, also those that get no requests.
    pub(super) fn processes(&self, routing: Routing) -> Vec<Process> {
        let counted = match routing {
            Routing::Single => self.targets(routing),
            Routing::OneOfThree | Routing::AllThree => &self.three,
        };
        counted.iter().map(|server| server.process).collect()
    }

    pub(super) fn stop(self) -> Result {
        self.single.stop()?;
        self.three.into_iter().try_for_each(Deployment::stop)
    }
}

/// The cost of a unit of work in one round.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UnitCost {
    /// How long it took: the 99th percentile if there were many.
    pub(super) time_us: f64,
    /// CPU time of all control planes that share the database.
    pub(super) cpu_us: f64,
}

/// The figure that the bar is about. The other one is only shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Barred {
    Time,
    Cpu,
}

/// All rounds, each in the order of [`Routing::ALL`].
#[derive(Debug, Serialize)]
pub(super) struct PlaneRounds {
    rounds: Vec<[UnitCost; 3]>,
}

impl PlaneRounds {
    /// Measures the three ways of routing alternately, in rotating order, after one round that is discarded.
    pub(super) async fn measure(
        rounds: usize,
        mut cost: impl AsyncFnMut(Routing) -> Result<UnitCost>,
    ) -> Result<Self> {
        let mut measured = Vec::new();
        for number in 0..=rounds {
            let mut round = [UnitCost { time_us: f64::NAN, cpu_us: f64::NAN }; 3];
            for step in 0..round.len() {
                let which = (number + step) % round.len();
                round[which] = cost(Routing::ALL[which]).await?;
            }
            if number > 0 {
                measured.push(round);
            }
        }
        Ok(Self { rounds: measured })
    }

    /// Rows for the two ways of using three control planes.
    pub(super) fn bars(&self, what: &str, barred: Barred) -> Vec<Bar> {
        let row = |(which, routing): (usize, Routing)| {
            let of = |figure: fn(&UnitCost) -> f64| {
                let ratio =
                    Spread::of(self.rounds.iter().map(|round| figure(&round[which]) / figure(&round[0])));
                (ratio, Spread::of(self.rounds.iter().map(|round| figure(&round[which]))).median)
            };
            let (time, time_us) = of(|cost| cost.time_us);
            let (cpu, cpu_us) = of(|cost| cost.cpu_us);
            let (ratio, shown) = match barred {
                Barred::Time => (time, format!("{:.2} ms; CPU {:.2} ×", time_us / 1e3, cpu.median)),
                Barred::Cpu => (cpu, format!("{cpu_us:.1} µs; time {:.2} ×", time.median)),
            };
            let label = format!("{what}, {}, relative to a single control plane", routing.describe());
            Bar::at_most(&label, LIMIT, ratio.median, format!("{ratio} × ({shown})"))
        };
        Routing::ALL.into_iter().enumerate().skip(1).map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Routing::{AllThree, OneOfThree, Single};
    use super::*;

    #[tokio::test]
    async fn ratios_are_those_of_a_round_and_the_order_rotates() {
        let mut order = Vec::new();
        let rounds = PlaneRounds::measure(2, async |routing| {
            order.push(routing);
            let number = order.len() as f64;
            let share = if routing == AllThree { 1.5 } else { 1.0 };
            // Each round takes longer than the one before, which a ratio doesn't show.
            let round = (number / 3.0).ceil();
            Ok(UnitCost { time_us: 2_000.0 * round, cpu_us: share * round })
        })
        .await
        .unwrap();
        assert_eq!(order[..3], [Single, OneOfThree, AllThree]);
        assert_eq!(order[3..6], [OneOfThree, AllThree, Single]);
        assert_eq!(order.len(), 9);

        let bars = rounds.bars("CPU per request", Barred::Cpu);
        let text: Vec<_> = bars.iter().map(|bar| (bar.measured.as_str(), bar.met)).collect();
        let expected = [
            ("1.00 (1.00–1.00) × (2.5 µs; time 1.00 ×)", true),
            ("1.50 (1.50–1.50) × (3.8 µs; time 1.00 ×)", false),
        ];
        assert_eq!(text, expected);
        assert!(
            bars[1].what.contains("CPU per request, spread over three control planes, relative to a single")
        );
        let times = rounds.bars("p99", Barred::Time);
        assert_eq!(times[1].measured, "1.00 (1.00–1.00) × (5.00 ms; CPU 1.50 ×)");
        assert!(times.iter().all(|bar| bar.met));
    }
}
