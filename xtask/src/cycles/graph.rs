//! Which sibling imports which, and the cycles in that.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use super::imports::Modules;

/// How many lines are shown of those that make up an import.
const SHOWN: usize = 3;

/// Imports between siblings: from, to, and the lines.
#[derive(Debug, Default)]
pub(super) struct Graph(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

/// A cycle: each import with its lines. The first is the one with the fewest, which is most easily given up.
#[derive(Debug)]
pub(super) struct Cycle(Vec<(String, String, Vec<String>)>);

impl Graph {
    pub(super) fn of(modules: &Modules) -> Self {
        let mut graph = Self::default();
        for (from, to, at) in modules.imports() {
            let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            let sibling = |path: &[String]| path[..=common].join("::");
            graph.0.entry(sibling(from)).or_default().entry(sibling(&to)).or_default().insert(at.to_owned());
        }
        graph
    }

    /// Whether one imports the other and is, by way of others or not, imported by it.
    pub(super) fn is_in_cycle(&self, from: &str, to: &str) -> bool {
        self.0.get(from).is_some_and(|imports| imports.contains_key(to)) && self.way(to, from).is_some()
    }

    pub(super) fn remove(&mut self, from: &str, to: &str) {
        if let Some(imports) = self.0.get_mut(from) {
            imports.remove(to);
        }
    }

    /// Enough cycles that without the first import of each there is none: the shortest, then the shortest of what is
    /// left, and so on.
    pub(super) fn cycles(mut self) -> Vec<Cycle> {
        let mut found = Vec::new();
        while let Some(cycle) = self.shortest() {
            if let Some((from, to, _)) = cycle.0.first() {
                self.remove(from, to);
            }
            found.push(cycle);
        }
        found
    }

    fn shortest(&self) -> Option<Cycle> {
        let edges = self.0.iter().flat_map(|(from, imports)| imports.keys().map(move |to| (from, to)));
        let ways = edges.filter_map(|(from, to)| {
            let mut way = self.way(to, from)?;
            way.push(to.clone());
            Some(way)
        });
        let way = ways.min_by_key(Vec::len)?;
        let mut edges: Vec<_> = way
            .iter()
            .zip(way.iter().cycle().skip(1))
            .filter_map(|(from, to)| {
                let lines = self.0.get(from)?.get(to)?;
                Some((from.clone(), to.clone(), lines.iter().cloned().collect::<Vec<_>>()))
            })
            .collect();
        let first = (0..edges.len()).min_by_key(|at| edges[*at].2.len())?;
        edges.rotate_left(first);
        Some(Cycle(edges))
    }

    /// The shortest way of imports, without its beginning.
    fn way(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let mut before = BTreeMap::from([(from, from)]);
        let mut next = VecDeque::from([from]);
        while let Some(at) = next.pop_front() {
            if at == to {
                let back = std::iter::successors(Some(to), |at| before.get(at).copied());
                let mut way: Vec<_> = back.take_while(|at| *at != from).map(str::to_owned).collect();
                way.reverse();
                return Some(way);
            }
            for import in self.0.get(at).into_iter().flat_map(BTreeMap::keys) {
                before.entry(import).or_insert_with(|| {
                    next.push_back(import);
                    at
                });
            }
        }
        None
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (from, to, lines)) in self.0.iter().enumerate() {
            let more = if lines.len() > SHOWN {
                format!(" and {} more", lines.len() - SHOWN)
            } else {
                String::new()
            };
            let mark = if at == 0 { "  " } else { "    " };
            writeln!(f, "{mark}{from} → {to}: {}{more}", lines[..lines.len().min(SHOWN)].join(", "))?;
        }
        Ok(())
    }
}
