//! Commands through `DIR/admin.sock`: one process owns a data directory, so a command beside a running `local` is sent
//! to it and its output streamed back.
//!
//! A request is `POST /command` with the command as JSON; the answer's body is a sequence of frames
//! `[tag: u8][length: u32 LE][bytes]`, tag 1 = stdout, 2 = a line for stderr, 3 = the exit code (one byte), the last.

use std::{io, path::Path};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::{net::UnixStream, sync::mpsc};

use crate::output::{Frame, Output};

/// Name of the socket in the data directory.
pub const SOCKET: &str = "admin.sock";
/// Longest frame that is accepted, in bytes.
const FRAME_BYTES: usize = 64 << 20;

/// A frame as bytes.
pub fn encode(frame: &Frame) -> Bytes {
    let (tag, body) = match frame {
        Frame::Out(bytes) => (1, bytes.clone()),
        Frame::Note(line) => (2, Bytes::from(line.clone())),
        Frame::Exit(code) => (3, Bytes::copy_from_slice(&[*code])),
    };
    let mut bytes = BytesMut::with_capacity(5 + body.len());
    bytes.put_u8(tag);
    bytes.put_u32_le(body.len() as u32);
    bytes.put(body);
    bytes.freeze()
}

/// Takes one whole frame off the front of `bytes`; `None` = more bytes are needed.
fn decode(bytes: &mut BytesMut) -> io::Result<Option<Frame>> {
    if bytes.len() < 5 {
        return Ok(None);
    }
    let length = u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize;
    if length > FRAME_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame of the admin socket is too long"));
    }
    if bytes.len() < 5 + length {
        return Ok(None);
    }
    let tag = bytes.get_u8();
    bytes.advance(4);
    let body = bytes.split_to(length).freeze();
    match tag {
        1 => Ok(Some(Frame::Out(body))),
        2 => Ok(Some(Frame::Note(String::from_utf8_lossy(&body).into_owned()))),
        3 => Ok(Some(Frame::Exit(body.first().copied().unwrap_or(1)))),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "an unknown frame on the admin socket")),
    }
}

/// Connects to the process that owns `dir`, where one listens.
pub async fn connect(dir: &Path) -> Option<UnixStream> {
    UnixStream::connect(dir.join(SOCKET)).await.ok()
}

/// Sends a command and gives back its output as it comes.
pub async fn send(stream: UnixStream, body: Vec<u8>) -> io::Result<mpsc::Receiver<Frame>> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    let request = Request::post("/command")
        .header("host", "local")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(io::Error::other)?;
    let response = sender.send_request(request).await.map_err(io::Error::other)?;
    if response.status() != StatusCode::OK {
        return Err(io::Error::other(format!(
            "the running process answered {}: it may be of another version",
            response.status()
        )));
    }
    let (out, frames) = Output::channel();
    tokio::spawn(async move {
        let mut body = response.into_body();
        let mut buffer = BytesMut::new();
        while let Some(Ok(part)) = body.frame().await {
            let Ok(data) = part.into_data() else { continue };
            buffer.extend_from_slice(&data);
            while let Ok(Some(frame)) = decode(&mut buffer) {
                let sent = match frame {
                    Frame::Out(bytes) => out.out(bytes).await,
                    Frame::Note(line) => out.note(line).await,
                    Frame::Exit(code) => {
                        out.exit(code).await;
                        return;
                    }
                };
                if sent.is_err() {
                    return;
                }
            }
        }
        let _ = out.note("the running process ended before the command did; type it again").await;
        out.exit(1).await;
    });
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_any_cut() {
        let frames = [Frame::Out(Bytes::from_static(b"abc")), Frame::Note("words".into()), Frame::Exit(3)];
        let bytes: Vec<u8> = frames.iter().flat_map(encode).collect();
        for cut in 0..bytes.len() {
            let mut seen = Vec::new();
            let mut buffer = BytesMut::new();
            for part in [&bytes[..cut], &bytes[cut..]] {
                buffer.extend_from_slice(part);
                while let Some(frame) = decode(&mut buffer).unwrap() {
                    seen.push(frame);
                }
            }
            assert_eq!(seen, frames);
        }
    }

    #[test]
    fn hostile_frames_are_errors() {
        assert!(decode(&mut BytesMut::from(&[1, 255, 255, 255, 255][..])).is_err());
        assert!(decode(&mut BytesMut::from(&[9, 0, 0, 0, 0][..])).is_err());
    }
}
