use std::fmt::{self, Write};

use hyper::StatusCode;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};

use super::html::Escaped;
use crate::http::response::{Reply, reply, set, text};
use crate::http::{ModuleStatus, ProgramStatus, Status};

/// The page's own style sheet is all it needs.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// Who this is, where its pages are and how its modules fare.
pub(in crate::http) fn landing(status: &Status, telemetry_path: &str) -> Reply {
    let mut page = String::new();
    if write_page(&mut page, status, telemetry_path).is_err() {
        return text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the page cannot be written",
        );
    }
    let mut reply = reply(StatusCode::OK, "text/html; charset=utf-8", page);
    set(
        &mut reply,
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    reply
}

fn write_page(page: &mut String, status: &Status, telemetry_path: &str) -> fmt::Result {
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Geophone</title>\n<style>\n{css}</style>\n\
         <h1>Geophone <small>{version}</small></h1>\n<p>{description}</p>\n\
         <nav><a href=\"{metrics}\">Metrics</a><a href=\"/status\">Status</a>\
         <a href=\"/-/ready\">Ready</a><a href=\"/-/healthy\">Healthy</a></nav>\n",
        css = include_str!("landing.css"),
        version = Escaped(&status.version),
        description = Escaped(env!("CARGO_PKG_DESCRIPTION")),
        metrics = Escaped(telemetry_path),
    )?;
    status
        .modules
        .iter()
        .try_for_each(|module| write_module(page, module))
}

fn write_module(page: &mut String, module: &ModuleStatus) -> fmt::Result {
    write!(
        page,
        "<section><h2>{name}<span class=\"state {state}\">{state}</span></h2>\n<p>{summary}</p>\n",
        name = Escaped(&module.name),
        state = Escaped(&module.state),
        summary = Escaped(&module.summary),
    )?;
    if let Some(reason) = &module.reason {
        writeln!(page, "<p class=\"soft\">{}</p>", Escaped(reason))?;
    }
    if !module.programs.is_empty() {
        page.write_str("<ul>\n")?;
        module
            .programs
            .iter()
            .try_for_each(|program| write_program(page, program))?;
        page.write_str("</ul>\n")?;
    }
    page.write_str("</section>\n")
}

fn write_program(page: &mut String, program: &ProgramStatus) -> fmt::Result {
    write!(
        page,
        "<li><code>{}</code> {}",
        Escaped(&program.name),
        Escaped(&program.state)
    )?;
    if let Some(hook) = &program.hook {
        write!(page, " at <code>{}</code>", Escaped(hook))?;
    }
    if let Some(reason) = &program.reason {
        write!(page, "<span class=\"soft\">: {}</span>", Escaped(reason))?;
    }
    page.write_str("</li>\n")
}
