//! The routes and the stream, on memory stores.

mod routes;
mod rows;
mod stream;
