//! The routes and the stream, on memory stores.

mod access;
mod routes;
mod rows;
mod stream;
