//! Reads the profiles that callgrind writes: the format is in valgrind's manual, "Callgrind Format Specification".

use std::collections::HashMap;

use crate::Result;

/// What callgrind counted per function since the last dump.
#[derive(Debug, Default)]
pub(crate) struct CallProfile {
    names: Vec<String>,
    numbers: HashMap<String, usize>,
    /// Cost of the functions themselves, by number.
    own: Vec<Cost>,
    calls: HashMap<(usize, usize), Calls>,
}

/// Instructions, and those of them that lock the bus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) instructions: u64,
    pub(crate) locked: u64,
}

/// The calls from one function to another, and their cost with everything that they called.
#[derive(Debug, Clone, Copy, Default)]
struct Calls {
    count: u64,
    cost: Cost,
}

/// The columns of a cost line that are counts of events, and how many columns describe the position before them.
struct CostColumns {
    positions: usize,
    instructions: usize,
    locked: Option<usize>,
}

impl CostColumns {
    fn cost(&self, line: &str) -> Option<Cost> {
        let mut fields = line.split(' ').skip(self.positions);
        let counts: Vec<u64> = fields.by_ref().map_while(|field| field.parse().ok()).collect();
        // callgrind leaves out zeros at the end of a line.
        let count = |at: usize| counts.get(at).copied().unwrap_or_default();
        line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)).then(|| Cost {
            instructions: count(self.instructions),
            locked: self.locked.map(count).unwrap_or_default(),
        })
    }
}

impl CallProfile {
    /// Parses one dump, written with `--compress-strings` and `--compress-pos` at any setting.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut profile = Self::default();
        let mut columns = CostColumns { positions: 1, instructions: 0, locked: None };
        let mut compressed: HashMap<String, usize> = HashMap::new();
        let (mut function, mut callee, mut pending) = (None, None, None);
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("positions: ") {
                columns.positions = rest.split_whitespace().count();
            } else if let Some(rest) = line.strip_prefix("events: ") {
                let at = |name| rest.split_whitespace().position(|event| event == name);
                columns.instructions = at("Ir").ok_or("the profile has no instructions")?;
                columns.locked = at("Ge");
            } else if let Some(rest) = line.strip_prefix("fn=") {
                function = Some(profile.named(rest, &mut compressed));
            } else if let Some(rest) = line.strip_prefix("cfn=") {
                callee = Some(profile.named(rest, &mut compressed));
            } else if let Some(rest) = line.strip_prefix("calls=") {
                pending = rest.split(' ').next().and_then(|count| count.parse::<u64>().ok());
            } else if let (Some(cost), Some(function)) = (columns.cost(line), function) {
                match (pending.take(), callee) {
                    (Some(count), Some(callee)) => {
                        let calls = profile.calls.entry((function, callee)).or_default();
                        calls.count += count;
                        calls.cost.add(cost);
                    }
                    _ => profile.own.get_mut(function).ok_or("a function without a number")?.add(cost),
                }
            }
        }
        Ok(profile)
    }

    /// The number of a name, which the profile writes out only the first time: `(7) name`, later `(7)`.
    fn named(&mut self, text: &str, compressed: &mut HashMap<String, usize>) -> usize {
        let (short, name) = text.split_once(' ').unwrap_or((text, ""));
        if name.is_empty()
            && let Some(known) = compressed.get(short)
        {
            return *known;
        }
        let name = if name.is_empty() { short } else { name };
        let number = *self.numbers.entry(name.to_owned()).or_insert_with(|| {
            self.names.push(name.to_owned());
            self.own.push(Cost::default());
            self.names.len() - 1
        });
        compressed.insert(short.to_owned(), number);
        number
    }

    /// The costs of all functions, together.
    pub(crate) fn total(&self) -> Cost {
        self.own.iter().fold(Cost::default(), |mut sum, cost| {
            sum.add(*cost);
            sum
        })
    }

    /// Of the functions whose names are accepted, the one whose calls cost most: its number.
    pub(crate) fn most_expensive(&self, accepts: impl Fn(&str) -> bool) -> Option<usize> {
        let mut sums: HashMap<usize, u64> = HashMap::new();
        for ((_, callee), calls) in &self.calls {
            if self.names.get(*callee).is_some_and(|name| accepts(name)) {
                *sums.entry(*callee).or_default() += calls.cost.instructions;
            }
        }
        sums.into_iter().max_by_key(|(_, cost)| *cost).map(|(function, _)| function)
    }

    /// The part of each function's cost that belongs to calls from `root`, directly or through others. A function
    /// that is called from elsewhere, too, is divided in proportion to the costs of its calls.
    pub(crate) fn below(&self, root: Option<usize>) -> Below<'_> {
        let Some(root) = root else { return Below { profile: self, shares: vec![1.0; self.names.len()] } };
        let mut all = vec![0.0; self.names.len()];
        for ((_, callee), calls) in &self.calls {
            add(&mut all, *callee, weight(*calls));
        }
        let mut shares = vec![0.0; self.names.len()];
        // Each round reaches one level of calls more; the deepest stacks have some eighty.
        for _ in 0..100 {
            let mut next = vec![0.0; self.names.len()];
            for ((caller, callee), calls) in &self.calls {
                let share = shares.get(*caller).copied().unwrap_or_default();
                let of_all = all.get(*callee).copied().unwrap_or_default();
                add(&mut next, *callee, share * weight(*calls) / of_all.max(1.0));
            }
            if let Some(share) = next.get_mut(root) {
                *share = 1.0;
            }
            shares = next.into_iter().map(|share| share.min(1.0)).collect();
        }
        Below { profile: self, shares }
    }
}

fn add(sums: &mut [f64], at: usize, value: f64) {
    if let Some(sum) = sums.get_mut(at) {
        *sum += value;
    }
}

/// Calls of a function that costs nothing itself still count.
fn weight(calls: Calls) -> f64 {
    calls.cost.instructions as f64 + calls.count as f64
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.instructions += other.instructions;
        self.locked += other.locked;
    }
}

/// The part of a profile below one function.
pub(crate) struct Below<'a> {
    profile: &'a CallProfile,
    shares: Vec<f64>,
}

impl Below<'_> {
    /// The names of functions, and their own cost below the root: instructions and locked instructions.
    pub(crate) fn own(&self) -> impl Iterator<Item = (&str, f64, f64)> {
        let functions = self.profile.names.iter().zip(&self.profile.own).zip(&self.shares);
        functions.map(|((name, cost), share)| {
            (name.as_str(), cost.instructions as f64 * share, cost.locked as f64 * share)
        })
    }

    /// How often the functions whose names are accepted were called from below the root by others.
    pub(crate) fn calls(&self, accepts: impl Fn(&str) -> bool) -> f64 {
        let name = |number: &usize| self.profile.names.get(*number).map(String::as_str).unwrap_or_default();
        let counted = self
            .profile
            .calls
            .iter()
            .filter(|((caller, callee), _)| accepts(name(callee)) && !accepts(name(caller)));
        counted
            .map(|((caller, _), calls)| {
                calls.count as f64 * self.shares.get(*caller).copied().unwrap_or_default()
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "\
# callgrind format
positions: line
events: Ir Ge

fl=(1) main.c
fn=(1) poll_a
+1 100 2
cfn=(2) copy
calls=4 7
+3 40
* 5

fn=(3) poll_b
0 10
cfn=(2)
calls=1 7
0 120

fn=(2)
7 160
";

    #[test]
    fn costs_are_added_up_by_function() {
        let profile = CallProfile::parse(PROFILE).unwrap();
        assert_eq!(profile.total(), Cost { instructions: 275, locked: 2 });
    }

    #[test]
    fn a_function_that_two_others_call_is_divided_between_them() {
        let mut text = PROFILE.to_owned();
        text.push_str("fn=(4) run\n0 1\ncfn=(1)\ncalls=2 1\n0 145\ncfn=(3)\ncalls=1 1\n0 130\n");
        let profile = CallProfile::parse(&text).unwrap();
        let root = profile.most_expensive(|name| name.starts_with("poll")).unwrap();
        let below = profile.below(Some(root));
        let own: HashMap<&str, f64> = below.own().map(|(name, cost, _)| (name, cost)).collect();
        assert!((own["poll_a"] - 105.0).abs() < 0.01, "{own:?}");
        assert!((own["copy"] - 160.0 * 44.0 / 165.0).abs() < 0.01, "{own:?}");
        assert!(own["poll_b"] < 0.01 && own["run"] < 0.01, "{own:?}");
        assert!((below.calls(|name| name == "copy") - 4.0).abs() < 0.01);
    }
}
