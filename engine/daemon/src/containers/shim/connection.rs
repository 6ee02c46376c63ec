//! A framed connection to a shim, over tokio's unix sockets.

use bytes::{Buf, Bytes, BytesMut};
use hull_plan::frame::{HEADER, MAX_CHUNK, StepKind};
use hull_plan::{ExitRecord, Frame, FrameHeader};
use rustix::io::Errno;
use std::io;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// What a shim says, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are those of `hull_plan::Frame`")]
pub enum Message {
    /// The payload runs.
    Started { pid: u32 },
    /// It doesn't.
    Failed { step: StepKind, errno: i32, object: String },
    /// It runs (answer to a subscription).
    State { pid: u32 },
    /// Attached; output from here on starts at this place of the log.
    Attached { log_inode: u64, log_offset: u64 },
    /// Output.
    Output { stream: u8, bytes: Bytes },
    /// It has ended.
    Exited(ExitRecord),
    /// The request is done.
    Done,
    /// The request is not possible.
    Refused { errno: i32 },
}

/// A connection, both directions.
#[derive(Debug)]
pub struct Connection {
    /// What the shim says.
    pub reader: Reader,
    /// What it is told.
    pub writer: Writer,
}

/// The receiving direction.
#[derive(Debug)]
pub struct Reader {
    half: OwnedReadHalf,
    buffer: BytesMut,
}

/// The sending direction. Dropping it shuts it down, which the shim takes for a detached client.
#[derive(Debug)]
pub struct Writer {
    half: OwnedWriteHalf,
}

/// An answer that its request does not have.
pub(crate) fn unexpected(message: &Message) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("unexpected {message:?}"))
}

fn protocol(error: hull_plan::DecodeError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl Connection {
    /// Over an established socket.
    pub fn new(stream: UnixStream) -> Self {
        let (read, write) = stream.into_split();
        Self { reader: Reader { half: read, buffer: BytesMut::new() }, writer: Writer { half: write } }
    }

    /// Connects to a shim's control socket and makes a request.
    ///
    /// # Errors
    /// ESRCH when nobody listens there: a shim stops listening when its init has ended, before it has told so.
    pub async fn request(socket: &Path, frame: &Frame<'_>) -> io::Result<Self> {
        let request = async {
            let mut connection = Self::new(UnixStream::connect(socket).await?);
            connection.writer.send(frame).await?;
            Ok(connection)
        };
        request.await.map_err(|error: io::Error| if is_gone(&error) { ended() } else { error })
    }
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused | ConnectionReset | BrokenPipe)
}

fn ended() -> io::Error {
    Errno::SRCH.into()
}

/// Whether a request could not be answered because the process that it meant has ended, or the whole container.
pub(crate) fn is_ended(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::SRCH)
}

impl Reader {
    /// The next message; `None` when the shim has closed the connection.
    ///
    /// # Errors
    /// When the connection breaks, or what comes is not the protocol.
    pub async fn next(&mut self) -> io::Result<Option<Message>> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(Some(message));
            }
            if self.buffer.capacity() - self.buffer.len() < HEADER {
                self.buffer.reserve(MAX_CHUNK / 4);
            }
            if self.half.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    fn take(&mut self) -> io::Result<Option<Message>> {
        let Some(bytes) = self.buffer.first_chunk::<HEADER>() else { return Ok(None) };
        let header = FrameHeader::from_bytes(*bytes).map_err(protocol)?;
        let length = header.length as usize;
        if self.buffer.len() < HEADER + length {
            self.buffer.reserve(HEADER + length - self.buffer.len());
            return Ok(None);
        }
        self.buffer.advance(HEADER);
        let payload = self.buffer.split_to(length).freeze();
        let message = match Frame::decode(&header, &payload).map_err(protocol)? {
            Frame::Started { pid } => Message::Started { pid },
            Frame::Failed { step, errno, object } => {
                Message::Failed { step, errno, object: String::from_utf8_lossy(object).into_owned() }
            }
            Frame::State { pid } => Message::State { pid },
            Frame::Attached { log_inode, log_offset } => Message::Attached { log_inode, log_offset },
            Frame::Output { stream, bytes } => Message::Output { stream, bytes: payload.slice_ref(bytes) },
            Frame::Exited { record } => Message::Exited(record),
            Frame::Done => Message::Done,
            Frame::Refused { errno } => Message::Refused { errno },
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "a request came from the shim")),
        };
        Ok(Some(message))
    }

    /// The first answer to a request.
    ///
    /// # Errors
    /// With the shim's errno when the request is refused; ESRCH when the shim ends without an answer.
    pub async fn answer(&mut self) -> io::Result<Message> {
        match self.next().await {
            Ok(Some(Message::Refused { errno })) => Err(io::Error::from_raw_os_error(errno)),
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(ended()),
            Err(error) if is_gone(&error) => Err(ended()),
            Err(error) => Err(error),
        }
    }

    /// The answer to a request that has no other than `Done` or `Refused`.
    ///
    /// # Errors
    /// As [`Reader::answer`].
    pub async fn done(&mut self) -> io::Result<()> {
        match self.answer().await? {
            Message::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }
}

impl Writer {
    /// Sends a frame.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn send(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        self.half.write_all(&frame.to_vec()).await
    }

    /// Sends stdin, in as many frames as it takes; waits while the process does not read.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn stdin(&mut self, bytes: &[u8]) -> io::Result<()> {
        for chunk in bytes.chunks(MAX_CHUNK) {
            self.send(&Frame::Stdin { bytes: chunk }).await?;
        }
        Ok(())
    }

    /// Ends stdin: the process reads EOF.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn close_stdin(&mut self) -> io::Result<()> {
        self.send(&Frame::CloseStdin).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::UnixListener;

    #[tokio::test]
    async fn messages_arrive_whole_however_they_are_cut() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let mut connection = Connection::new(near);
        let record = ExitRecord { pid: 4, code: 137, signal: 9, oom_killed: true, started_at: 1, finished_at: 2 };
        let frames = [
            Frame::Started { pid: 7 },
            Frame::Output { stream: 2, bytes: &[b'x'; 40_000] },
            Frame::Failed { step: StepKind::Exec, errno: 2, object: b"nosuch" },
            Frame::Exited { record },
        ];
        let wire: Vec<u8> = frames.iter().flat_map(Frame::to_vec).collect();
        let sender = tokio::spawn(async move {
            for piece in wire.chunks(977) {
                far.write_all(piece).await.unwrap();
            }
        });
        assert_eq!(connection.reader.next().await.unwrap(), Some(Message::Started { pid: 7 }));
        let bytes = Bytes::from(vec![b'x'; 40_000]);
        assert_eq!(connection.reader.next().await.unwrap(), Some(Message::Output { stream: 2, bytes }));
        let failed = Message::Failed { step: StepKind::Exec, errno: 2, object: "nosuch".to_owned() };
        assert_eq!(connection.reader.next().await.unwrap(), Some(failed));
        assert_eq!(connection.reader.next().await.unwrap(), Some(Message::Exited(record)));
        sender.await.unwrap();
        assert_eq!(connection.reader.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_shim_that_has_stopped_listening_is_an_ended_process() {
        let scratch = tempfile::tempdir().unwrap();
        let socket = scratch.path().join("control");
        let signal = Frame::Signal { target: c"", signal: 15 };
        assert!(is_ended(&Connection::request(&socket, &signal).await.unwrap_err()), "no socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let mut waiting = Connection::request(&socket, &signal).await.unwrap();
        drop(listener);
        assert!(is_ended(&waiting.reader.done().await.unwrap_err()), "never accepted");
        assert!(is_ended(&Connection::request(&socket, &signal).await.unwrap_err()), "nobody listens");
    }

    #[tokio::test]
    async fn a_refusal_is_its_errno() {
        let (near, mut far) = UnixStream::pair().unwrap();
        far.write_all(&Frame::Refused { errno: 25 }.to_vec()).await.unwrap();
        let refused = Connection::new(near).reader.done().await.unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(25));
        assert!(!is_ended(&refused));
    }

    #[tokio::test]
    async fn garbage_and_a_cut_frame_are_errors() {
        for bytes in [&[0xff; 16][..], &Frame::Started { pid: 1 }.to_vec()[..9]] {
            let (near, mut far) = UnixStream::pair().unwrap();
            far.write_all(bytes).await.unwrap();
            drop(far);
            assert!(Connection::new(near).reader.next().await.is_err());
        }
    }
}
