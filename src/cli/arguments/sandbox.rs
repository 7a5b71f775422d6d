//! The arguments of `sandbox`: those of the stand-in itself, and of the consumers that it may play.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;

use crate::sandbox::Options;

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// `sandbox`.
#[derive(Debug, Clone, Args)]
pub struct Sandbox {
    /// How the stand-in behaves.
    #[command(flatten)]
    pub options: Options,
    /// Plays consumers, too: they read DIR/NAME/token, connect with it, and answer at /healthz/NAME/TOKEN_ID
    #[arg(long, value_name = "DIR")]
    pub consumers: Option<PathBuf>,
    /// Where the consumers listen: a loopback address; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value_t = ANY_PORT, value_parser = crate::sandbox::loopback)]
    pub consumers_listen: SocketAddr,
    /// While this file exists, the consumers answer 503, as after a deployment that failed
    #[arg(long, value_name = "FILE")]
    pub consumers_unhealthy_while: Option<PathBuf>,
}
