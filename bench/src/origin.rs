//! The storage that is probed. It is a separate process, so that its CPU is not counted as the node's.

use std::path::{Path, PathBuf};

use bucketry_faults::OriginStub;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::Result;
use crate::baseline::{Companion, tell};

/// Runs until the process is killed. A second address sends the number of requests so far to every connection.
pub(crate) async fn serve(ready_file: PathBuf) -> Result {
    let stub = OriginStub::start().await?;
    let counts = TcpListener::bind("127.0.0.1:0").await?;
    tell(&ready_file, &json!({ "endpoint": stub.endpoint(), "counts": counts.local_addr()?.to_string() }))?;
    loop {
        let (mut asker, _) = counts.accept().await?;
        // A client that has disconnected doesn't need the count.
        _ = asker.write_all(stub.requests().to_string().as_bytes()).await;
    }
}

/// The running storage.
pub(crate) struct Origin {
    _companion: Companion,
    pub(crate) endpoint: String,
    counts: String,
}

impl Origin {
    pub(crate) fn start() -> Result<Self> {
        let companion = Companion::start(&[Path::new("origin")])?;
        Ok(Self {
            endpoint: companion.response("endpoint")?,
            counts: companion.response("counts")?,
            _companion: companion,
        })
    }

    /// The number of requests received so far.
    pub(crate) async fn requests(&self) -> Result<u64> {
        let mut text = String::new();
        TcpStream::connect(&self.counts).await?.read_to_string(&mut text).await?;
        Ok(text.parse()?)
    }
}
