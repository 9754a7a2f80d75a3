//! The control planes of a deployment: one, or several on one PostgreSQL behind one address.

use std::path::PathBuf;
use std::process::ExitStatus;

use bucketry_test_servers::Result;
use bucketry_test_servers::bucketry::{Bucketry, Options};

use crate::balancer::Balancer;
use crate::one_control_plane::control_planes;

/// One or several processes. The first has the node and the gateway.
#[derive(Debug)]
pub(crate) struct ControlPlanes {
    first: Bucketry,
    others: Vec<Bucketry>,
    /// In front of all of them. `None` for one process, whose own address is used.
    balancer: Option<Balancer>,
}

impl ControlPlanes {
    /// Starts as many processes as `BUCKETRY_TEST_CONTROL_PLANES` says. The embedded database has only one.
    pub(crate) fn start(options: Options) -> Result<Self> {
        let first = Bucketry::start(options.clone())?;
        let count = if first.database().is_some() { control_planes() } else { 1 };
        let mut all = Self { first, others: Vec::new(), balancer: None };
        for _ in 1..count {
            all.others.push(Bucketry::start_beside(&all.first, options.clone())?);
        }
        if count > 1 {
            all.balancer = Some(Balancer::start(all.addresses())?);
        }
        Ok(all)
    }

    fn addresses(&self) -> Vec<String> {
        let all = std::iter::once(&self.first).chain(&self.others);
        all.filter_map(|server| server.api().split_once("://"))
            .map(|(_, address)| address.to_owned())
            .collect()
    }

    /// The API's URL.
    pub(crate) fn api(&self) -> String {
        let (first, balancer) = (self.first.api(), self.balancer.as_ref());
        let url = balancer.map_or_else(|| first.to_owned(), Balancer::url);
        // The balancer passes TLS on.
        if first.starts_with("https:") { url.replacen("http:", "https:", 1) } else { url }
    }

    /// The API's URL at the process with the node.
    pub(crate) fn own_api(&self) -> &str {
        self.first.api()
    }

    pub(crate) fn gateway(&self) -> Option<&str> {
        self.first.gateway()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.first.data_dir()
    }

    pub(crate) fn database(&self) -> Option<&str> {
        self.first.database()
    }

    /// What all processes have printed, one after the other.
    pub(crate) fn log(&self) -> String {
        std::iter::once(&self.first).chain(&self.others).map(Bucketry::log).collect()
    }

    /// The process with the node.
    pub(crate) fn process_id(&self) -> Option<u32> {
        self.first.process_id()
    }

    pub(crate) fn kill_hard(&mut self) -> Result<()> {
        for server in &mut self.others {
            server.kill_hard()?;
        }
        self.first.kill_hard()
    }

    /// Stops all processes, and returns the exit status of the first.
    pub(crate) fn terminate(&mut self) -> Result<Option<ExitStatus>> {
        let status = self.first.terminate()?;
        for server in &mut self.others {
            server.terminate()?;
        }
        Ok(status)
    }

    pub(crate) fn start_again(&mut self) -> Result<()> {
        self.kill_hard()?;
        self.first.start_again()?;
        for server in &mut self.others {
            server.start_again()?;
        }
        if let Some(balancer) = &self.balancer {
            balancer.set(self.addresses());
        }
        Ok(())
    }
}
