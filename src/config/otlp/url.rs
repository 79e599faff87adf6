use http::Uri;

use super::OtlpProtocol;

/// Where the specification looks for a collector if nobody says.
pub fn of_protocol(protocol: OtlpProtocol) -> &'static str {
    match protocol {
        OtlpProtocol::HttpProtobuf => "http://localhost:4318",
        OtlpProtocol::Grpc => "http://localhost:4317",
    }
}

/// The URL of one signal below a base: over HTTP the signal's path is appended, over gRPC only
/// scheme and authority count.
pub fn below(
    base: &str,
    signal: &str,
    protocol: OtlpProtocol,
    insecure: bool,
) -> Result<String, String> {
    let url = exact(base, protocol, insecure)?;
    Ok(match protocol {
        OtlpProtocol::Grpc => url,
        OtlpProtocol::HttpProtobuf if url.contains('?') => {
            return Err("must have no query, as paths are appended to it".to_owned());
        }
        OtlpProtocol::HttpProtobuf => format!("{}/v1/{signal}", url.trim_end_matches('/')),
    })
}

/// A URL that is used as it is; over gRPC it may lack a scheme.
pub fn exact(text: &str, protocol: OtlpProtocol, insecure: bool) -> Result<String, String> {
    let example = of_protocol(protocol);
    let text = match protocol {
        OtlpProtocol::Grpc if !text.contains("://") => {
            let scheme = if insecure { "http" } else { "https" };
            format!("{scheme}://{text}")
        }
        _ => text.to_owned(),
    };
    // The text may hold a password, and is not told.
    let uri: Uri = text
        .parse()
        .map_err(|error| format!("must be a URL such as {example}: {error}"))?;
    let scheme = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
    if !["http", "https"].contains(&&*scheme) {
        return Err(format!("must begin with http:// or https://, as {example}"));
    }
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        return Err("must hold no user or password; use headers".to_owned());
    }
    if uri.host().unwrap_or_default().is_empty() {
        return Err(format!("must name a host, as {example}"));
    }
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    if port.is_some_and(|port| !port.ends_with(']') && port.parse::<u16>().is_err()) {
        return Err(format!("must have a port from 0 to 65535, as {example}"));
    }
    if text.contains('#') {
        return Err("must have no fragment (\"#\")".to_owned());
    }
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    if protocol == OtlpProtocol::Grpc && !["", "/"].contains(&path) {
        return Err(format!(
            "must have no path with gRPC, as {example}; or set protocol to http/protobuf"
        ));
    }
    Ok(match protocol {
        OtlpProtocol::Grpc => format!("{scheme}://{authority}"),
        // As others compare it with.
        OtlpProtocol::HttpProtobuf => {
            let rest = text.get(scheme.len()..).unwrap_or_default();
            format!("{scheme}{rest}")
        }
    })
}
