//! The remote system: a lean HTTP/1.1 server on loopback, whose every answer for a call has 5 items, one of them new.

use std::{
    io::Write,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread::JoinHandle,
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

/// Items of one answer.
pub const ITEMS: u32 = 5;

/// See the module. Ends when it is dropped.
pub struct Upstream {
    address: SocketAddr,
    served: Arc<[AtomicU32]>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    /// Answers `/c/<number of the call>` on a thread of its own.
    pub fn start(calls: u32) -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let served: Arc<[AtomicU32]> = (0..calls).map(|_| AtomicU32::new(0)).collect();
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let counts = served.clone();
        let thread = std::thread::Builder::new().name("upstream".to_owned()).spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = accept(listener, counts) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self {
            address,
            served,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The address of a call's data.
    pub fn url(&self, call: u32) -> String {
        format!("http://{}/c/{call}", self.address)
    }

    /// How many answers each call has had.
    pub fn served(&self) -> Vec<u32> {
        self.served.iter().map(|count| count.load(Ordering::SeqCst)).collect()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: std::net::TcpListener, served: Arc<[AtomicU32]>) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    while let Ok((stream, _)) = listener.accept().await {
        let served = served.clone();
        tokio::spawn(async move {
            // A connection that the client closes ends here.
            let _ = serve(stream, &served).await;
        });
    }
}

async fn serve(mut stream: TcpStream, served: &[AtomicU32]) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut input = Vec::with_capacity(4_096);
    let mut body = Vec::with_capacity(2_048);
    let mut output = Vec::with_capacity(4_096);
    loop {
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        while let Some(end) = find(&input, b"\r\n\r\n") {
            let call = call_of(&input)?;
            let count = served.get(call).context("no such call")?;
            let number = count.load(Ordering::SeqCst) + 1;
            answer(&mut output, &mut body, call, number)?;
            stream.write_all(&output).await?;
            // Counted once it is out: what nobody was sent cannot be lost.
            count.store(number, Ordering::SeqCst);
            input.drain(..end + 4);
        }
    }
}

/// `GET /c/17 HTTP/1.1`
fn call_of(request: &[u8]) -> Result<usize> {
    let path = request.strip_prefix(b"GET /c/").context("not a request of ours")?;
    let digits = path.split(|byte| *byte == b' ').next().unwrap_or_default();
    Ok(std::str::from_utf8(digits)?.parse()?)
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// Writes the answer that is a call's `number`th: about 1 KB with the items `number` to `number + 4`, of which the last is new.
fn answer(output: &mut Vec<u8>, body: &mut Vec<u8>, call: usize, number: u32) -> Result<()> {
    body.clear();
    body.extend_from_slice(b"{\"items\":[");
    for item in number..number + ITEMS {
        let comma = if item == number { "" } else { "," };
        write!(
            body,
            "{comma}{{\"id\":\"order-{item}\",\"call\":{call},\"customer\":\"Northern Lights Trading {item}\",\"currency\":\"NOK\",\
             \"amount\":{item}.25,\"lines\":3,\"createdAt\":\"2026-11-22T03:00:00Z\",\"reference\":\"PO-{item}-{call}\",\
             \"open\":true}}",
        )?;
    }
    body.extend_from_slice(b"]}");
    output.clear();
    write!(
        output,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )?;
    output.extend_from_slice(body);
    Ok(())
}
