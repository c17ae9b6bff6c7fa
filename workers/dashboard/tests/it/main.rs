//! The routes and the stream, on memory stores.

mod rows;
mod routes;
mod stream;
