//! Pages for people and for tools other than scrapers.

mod html;
mod landing;

pub(super) use landing::landing;

use hyper::StatusCode;

use super::Status;
use super::response::{Reply, reply, text};

/// The status as JSON.
pub(super) fn status(status: &Status) -> Reply {
    match serde_json::to_vec(status) {
        Ok(json) => reply(StatusCode::OK, "application/json", json),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
