//! A balancer that spreads connections over several servers, in turn. With one server, it makes this server reachable at
//! another address.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A running balancer. It serves until it is dropped; connections end with their clients or servers.
#[derive(Debug)]
pub struct Balancer {
    address: SocketAddr,
    state: Arc<BalancerState>,
}

#[derive(Debug)]
struct BalancerState {
    servers: Mutex<Vec<String>>,
    next: AtomicUsize,
    is_over: std::sync::atomic::AtomicBool,
}

impl Balancer {
    /// Listens on a free port of this machine, for servers at `HOST:PORT`.
    pub fn start(servers: Vec<String>) -> io::Result<Self> {
        Self::start_at("127.0.0.1", servers)
    }

    /// Listens on a free port of this address.
    pub fn start_at(host: &str, servers: Vec<String>) -> io::Result<Self> {
        let listener = TcpListener::bind((host, 0))?;
        let address = listener.local_addr()?;
        let (next, is_over) = (AtomicUsize::new(0), false.into());
        let state = Arc::new(BalancerState { servers: Mutex::new(servers), next, is_over });
        let shared = Arc::clone(&state);
        thread::spawn(move || accept(&listener, &shared));
        Ok(Self { address, state })
    }

    /// `http://HOST:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Uses these servers for new connections.
    pub fn set(&self, servers: Vec<String>) {
        *self.state.servers.lock().unwrap_or_else(PoisonError::into_inner) = servers;
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts; if it doesn't, the thread ends with the test's process.
        drop(TcpStream::connect(self.address));
    }
}

fn accept(listener: &TcpListener, state: &Arc<BalancerState>) {
    for client in listener.incoming() {
        if state.is_over.load(Ordering::SeqCst) {
            return;
        }
        let (Ok(client), Some(server)) = (client, state.connect()) else { continue };
        let Ok((client_copy, server_copy)) =
            client.try_clone().and_then(|one| Ok((one, server.try_clone()?)))
        else {
            continue;
        };
        thread::spawn(move || pass(client, server));
        thread::spawn(move || pass(server_copy, client_copy));
    }
}

impl BalancerState {
    /// Connects to the next server that accepts.
    fn connect(&self) -> Option<TcpStream> {
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut in_turn = (0..servers.len()).filter_map(|n| servers.get((first + n) % servers.len()));
        let server = in_turn.find_map(|server| TcpStream::connect(server).ok())?;
        server.set_nodelay(true).ok().map(|()| server)
    }
}

/// Passes bytes one way until either side ends. Broken connections are the other side's to notice.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    let _ = from.set_nodelay(true);
    let copied = io::copy(&mut from, &mut to);
    let how = if copied.is_ok() { std::net::Shutdown::Write } else { std::net::Shutdown::Both };
    let _ = to.shutdown(how);
}
