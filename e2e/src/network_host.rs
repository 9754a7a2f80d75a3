//! A second host on the network: a network namespace with two links to this machine.

use std::io;
use std::process::Command;

use crate::{Error, Result};

/// A host with two links to this machine: by one it reaches the control plane, by the other clients reach it and it reaches
/// providers. Dropping it removes it.
#[derive(Debug)]
pub struct NetworkHost {
    name: String,
    /// The first three parts of the addresses, and the first of the eight last parts.
    net: (String, u32),
}

impl NetworkHost {
    /// Makes a host. `None` where this process may not, or where `ip` is missing.
    pub fn new() -> Result<Option<Self>> {
        // Process ids differ among tests that run at the same time, and so do the addresses.
        let id = std::process::id();
        let net = (format!("10.{}.{}", 192 + (id >> 13) % 64, (id >> 5) % 256), (id % 32) * 8);
        let host = Self { name: format!("bucketry-{id}"), net };
        if ip(&["netns", "add", &host.name]).is_err() {
            return Ok(None);
        }
        for (link, here, there) in [("c", 1, 2), ("d", 5, 6)] {
            let (outer, inner) = (Self::link(link), format!("{link}-inner"));
            let (here, there) = (format!("{}/30", host.address(here)), format!("{}/30", host.address(there)));
            ip(&["link", "add", &outer, "type", "veth", "peer", "name", &inner, "netns", &host.name])?;
            ip(&["address", "add", &here, "dev", &outer])?;
            ip(&["link", "set", &outer, "up"])?;
            ip(&["-n", &host.name, "address", "add", &there, "dev", &inner])?;
            ip(&["-n", &host.name, "link", "set", &inner, "up"])?;
        }
        ip(&["-n", &host.name, "link", "set", "lo", "up"])?;
        Ok(Some(host))
    }

    /// The namespace's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// This machine's address on the link to the control plane.
    pub fn control_address(&self) -> String {
        self.address(1)
    }

    /// This machine's address on the link to clients and providers.
    pub fn data_address(&self) -> String {
        self.address(5)
    }

    /// The host's own address on that link.
    pub fn own_address(&self) -> String {
        self.address(6)
    }

    /// Cuts the link to the control plane. Connections on it hear nothing more.
    pub fn cut_off(&self) -> Result<()> {
        ip(&["link", "set", &Self::link("c"), "down"])
    }

    /// Restores that link.
    pub fn reconnect(&self) -> Result<()> {
        ip(&["link", "set", &Self::link("c"), "up"])
    }

    fn address(&self, last: u32) -> String {
        format!("{}.{}", self.net.0, self.net.1 + last)
    }

    /// The name of a link here: names of interfaces have at most 15 characters.
    fn link(which: &str) -> String {
        format!("bk{which}{}", std::process::id())
    }
}

impl Drop for NetworkHost {
    fn drop(&mut self) {
        // Its ends of the links go with it, and so do ours.
        let _ = ip(&["netns", "delete", &self.name]);
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(arguments).output().map_err(Error::Files)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Error::Files(io::Error::other(format!("ip {}: {said}", arguments.join(" ")))))
}
