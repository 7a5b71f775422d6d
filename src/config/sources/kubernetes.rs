//! Variables that Kubernetes sets for a Service, in the form of settings of ours: `PINTAIL__X_SERVICE_HOST`, for one
//! that is called `pintail--x`.

use std::net::IpAddr;

/// Whether name and value are those that Kubernetes gives to a Service. No setting has such a value under such a name.
pub(super) fn is_of_a_service(name: &str, value: &str) -> bool {
    let last = name.rsplit("__").next().unwrap_or_default();
    let is_number = |text: &str| text.parse::<u16>().is_ok();
    let is_address =
        |text: &str| ["tcp://", "udp://", "sctp://"].iter().any(|scheme| text.starts_with(scheme));
    let behind = |mark: &str| {
        let (before, after) = last.split_once(mark)?;
        (!before.is_empty()).then_some(after)
    };
    if let Some(after) = behind("_SERVICE_HOST") {
        return after.is_empty() && value.parse::<IpAddr>().is_ok();
    }
    if behind("_SERVICE_PORT").is_some() {
        return is_number(value);
    }
    match behind("_PORT") {
        Some("") => is_address(value),
        // _PORT_443_TCP, and the same with _PROTO, _PORT and _ADDR.
        Some(after) => {
            let mut parts = after.split('_').skip(1);
            let (number, protocol) = (parts.next(), parts.next());
            number.is_some_and(is_number) && matches!(protocol, Some("TCP" | "UDP" | "SCTP"))
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_sets_for_a_service_is_told_from_settings() {
        for (name, value) in [
            ("PINTAIL__X_SERVICE_HOST", "10.99.0.7"),
            ("PINTAIL__X_SERVICE_HOST", "fd00::7"),
            ("PINTAIL__X_SERVICE_PORT", "9187"),
            ("PINTAIL__X_SERVICE_PORT_HTTP", "9187"),
            ("PINTAIL__X_PORT", "tcp://10.99.0.7:9187"),
            ("PINTAIL__X_PORT_9187_TCP", "tcp://10.99.0.7:9187"),
            ("PINTAIL__X_PORT_9187_TCP_PROTO", "tcp"),
            ("PINTAIL__X_PORT_9187_TCP_PORT", "9187"),
            ("PINTAIL__X_PORT_9187_TCP_ADDR", "10.99.0.7"),
            ("PINTAIL__STORES__X_SERVICE_HOST", "10.99.0.7"),
        ] {
            assert!(is_of_a_service(name, value), "{name}");
        }
        for (name, value) in [
            ("PINTAIL__MOTHERDUCK__POSTGRES__PORT", "5432"),
            ("PINTAIL__MOTHERDUCK__POSTGRES__HOST", "10.99.0.7"),
            ("PINTAIL__OWNR", "prod"),
            ("PINTAIL__CREDENTIALS__ETL_PORT", "{ username = \"etl\" }"),
            ("PINTAIL__CREDENTIALS__X_SERVICE_HOST__USERNAME", "etl"),
            ("PINTAIL__X_SERVICE_HOST", "prod"),
        ] {
            assert!(!is_of_a_service(name, value), "{name}");
        }
    }
}
