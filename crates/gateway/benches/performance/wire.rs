//! A client of HTTP/1.1 that costs next to nothing, so that the load does not eat the machine that
//! it loads: one connection, kept alive, and answers whose length is known.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A connection that is kept alive.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer, read to its end.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    head: &'a str,
    pub(crate) body: &'a [u8],
}

impl Answer<'_> {
    /// The value of a header, named in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// An error unless the answer has this status: who measures errors measures nothing.
    pub(crate) fn expect(&self, status: u16) -> anyhow::Result<()> {
        if self.status != status {
            let body = String::from_utf8_lossy(self.body);
            bail!("{status} expected, but got {} {body}", self.head);
        }
        Ok(())
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(8192),
        })
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn send(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            let end = self.buffer.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                break end + 4;
            }
            self.fill().await?;
        };
        let length = content_length(self.buffer.get(..head).unwrap_or_default())?;
        while self.buffer.len() < head + length {
            self.fill().await?;
        }
        let (head, body) = self.buffer.split_at(head);
        let head = std::str::from_utf8(head).context("a head that is no text")?;
        Ok(Answer {
            status: head.get(9..12).unwrap_or_default().parse()?,
            head,
            body,
        })
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head).context("a head that is no text")?;
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let (_, value) = headers
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .context("an answer without a length")?;
    Ok(value.parse()?)
}

/// A GET with these further header lines, each with its end of line.
pub(crate) fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{headers}\r\n").into_bytes()
}

/// A POST.
pub(crate) fn post(path: &str, content_type: &str, body: &str) -> Vec<u8> {
    post_as(path, content_type, "", body)
}

/// A POST with these further header lines, each with its end of line.
pub(crate) fn post_as(path: &str, content_type: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\n{headers}content-type: {content_type}\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
