//! Requests written by hand, for what a typed client would hide: warnings, causes, refused fields, raw paths.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

type Request = http::Request<Vec<u8>>;

/// Reads a path.
pub fn get(path: &str) -> Request {
    made("GET", path, "application/json", Vec::new())
}

/// Creates an object.
pub fn post(path: &str, body: &Value) -> Request {
    made("POST", path, "application/json", body.to_string().into_bytes())
}

/// Replaces an object.
pub fn put(path: &str, body: &Value) -> Request {
    made("PUT", path, "application/json", body.to_string().into_bytes())
}

/// Merges into an object.
pub fn merge(path: &str, body: &Value) -> Request {
    made("PATCH", path, "application/merge-patch+json", body.to_string().into_bytes())
}

/// Deletes an object.
pub fn delete(path: &str) -> Request {
    made("DELETE", path, "application/json", Vec::new())
}

fn made(method: &str, path: &str, content: &str, body: Vec<u8>) -> Request {
    let mut request = Request::new(body);
    *request.method_mut() = method.parse().unwrap_or_default();
    *request.uri_mut() = path.parse().unwrap_or_default();
    if let Ok(content) = content.parse() {
        request.headers_mut().insert("content-type", content);
    }
    request
}

/// What a server answers over plain HTTP, head included.
pub fn page(address: &str, path: &str) -> Result<String, String> {
    let address = address.parse().map_err(|error| format!("{address}: {error}"))?;
    let told = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2)).map_err(told)?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).map_err(told)?;
    let ask = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).map_err(told)?;
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(told)?;
    Ok(text)
}
