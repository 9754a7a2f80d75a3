//! What processes that serve the same clients tell each other about requests that they have admitted, so that a rate limit
//! applies to all of them together.
//!
//! A process doesn't ask before it admits a request. It tells the others afterwards, and only of clients that have used a
//! considerable part of their limit. The others subtract these requests from what they would admit. A client that sends
//! requests to several processes at the same moment can exceed its burst, and then has to wait longer.

use std::fmt::Display;
use std::hash::Hash;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::rate::RateLimiter;

/// How often a process tells others what it has admitted.
pub const TELL_EVERY: Duration = Duration::from_millis(250);
/// The most messages at a time.
const MESSAGES: usize = 8;
/// The most keys in a message. With the longest names and keys, it then has about 6,000 bytes.
const KEYS: usize = 80;

/// A limiter whose keys have a text without spaces.
trait ExchangedLimiter: Send + Sync {
    fn untold(&self, at_most: usize) -> Vec<(String, u32)>;
    fn hear(&self, key: &str, requests: u32);
}

impl<K: Hash + Eq + Clone + Display + FromStr + Send> ExchangedLimiter for RateLimiter<K> {
    fn untold(&self, at_most: usize) -> Vec<(String, u32)> {
        let untold = self.take_untold(at_most);
        untold.into_iter().map(|(key, requests)| (key.to_string(), requests)).collect()
    }

    fn hear(&self, key: &str, requests: u32) {
        if let Ok(key) = key.parse() {
            self.spent_elsewhere(key, requests, Instant::now());
        }
    }
}

/// The limiters of a process whose use is exchanged.
#[derive(Default)]
pub struct RateExchange {
    limiters: Mutex<Vec<(&'static str, Arc<dyn ExchangedLimiter>)>>,
}

impl RateExchange {
    /// Adds a limiter under a name by which other processes have the same. The name and the keys contain no spaces.
    pub fn add<K>(&self, name: &'static str, limiter: &Arc<RateLimiter<K>>)
    where
        K: Hash + Eq + Clone + Display + FromStr + Send + 'static,
    {
        limiter.remember_untold();
        self.limiters.lock().push((name, Arc::clone(limiter) as Arc<dyn ExchangedLimiter>));
    }

    /// What to tell other processes now, in messages of at most about 6,000 bytes. It counts as told.
    pub fn untold(&self) -> Vec<String> {
        let mut entries = Vec::new();
        for (name, limiter) in self.limiters.lock().iter() {
            let untold = limiter.untold(MESSAGES * KEYS - entries.len());
            entries.extend(untold.into_iter().map(|(key, requests)| format!("{name} {key} {requests}")));
        }
        entries.chunks(KEYS).map(|entries| entries.join(" ")).collect()
    }

    /// Counts what another process has told. Ignores what this one doesn't understand.
    pub fn hear(&self, message: &str) {
        let limiters = self.limiters.lock();
        let words: Vec<&str> = message.split_ascii_whitespace().collect();
        for [name, key, requests] in words.as_chunks::<3>().0 {
            let limiter = limiters.iter().find(|(known, _)| known == name);
            if let (Some((_, limiter)), Ok(requests)) = (limiter, requests.parse()) {
                limiter.hear(key, requests);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::rate::Rate;

    struct Process {
        exchange: RateExchange,
        addresses: Arc<RateLimiter<IpAddr>>,
        numbers: Arc<RateLimiter<u32>>,
    }

    impl Process {
        fn new(addresses: Rate) -> Self {
            let process = Self {
                exchange: RateExchange::default(),
                addresses: Arc::new(RateLimiter::new("address", addresses)),
                numbers: Arc::new(RateLimiter::new("number", Rate::new(1, 8))),
            };
            process.exchange.add("address", &process.addresses);
            process.exchange.add("number", &process.numbers);
            process
        }

        fn admits(&self, address: IpAddr) -> bool {
            self.addresses.check(&address).is_ok()
        }
    }

    fn tell(from: &Process, to: &Process) {
        for message in from.exchange.untold() {
            assert!(message.len() < 7_000);
            to.exchange.hear(&message);
        }
    }

    #[test]
    fn three_processes_admit_together_what_one_would() {
        let processes = [(); 3].map(|()| Process::new(Rate::new(1, 240)));
        let client: IpAddr = "2001:db8::1".parse().unwrap();
        let mut admitted = 0;
        for _ in 0..100 {
            for process in &processes {
                // Ten requests between two exchanges.
                admitted += (0..10).filter(|_| process.admits(client)).count();
            }
            for (from, to) in [(0, 1), (1, 2), (2, 0)] {
                let messages = processes[from].exchange.untold();
                for message in messages {
                    processes[to].exchange.hear(&message);
                    processes[3 - from - to].exchange.hear(&message);
                }
            }
        }
        // Each may hold back an eighth of the burst.
        assert!((230..=240 + 3 * 40).contains(&admitted), "{admitted}");
        assert!(processes[0].admits("2001:db8::2".parse().unwrap()));
    }

    #[test]
    fn many_keys_are_told_in_several_messages_and_later() {
        let (here, there) = (Process::new(Rate::new(1, 1)), Process::new(Rate::new(1, 1)));
        let client =
            |number: u16| IpAddr::from([0x2001, 0xdb8, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, number]);
        for number in 0..1_000 {
            assert!(here.admits(client(number)));
        }
        for _ in 0..2 {
            tell(&here, &there);
        }
        assert!((0..1_000).all(|number| !there.admits(client(number))));
        assert!(here.exchange.untold().is_empty());
    }

    #[test]
    fn a_message_of_another_version_is_heard_as_far_as_it_is_understood() {
        let process = Process::new(Rate::new(1, 5));
        process.exchange.hear("other x 1 number y 1 number 7 many number 7 5 number 7 3 number");
        assert!(process.numbers.check(&7).is_err() && process.numbers.check(&8).is_ok());
        process.exchange.hear("");
    }
}
