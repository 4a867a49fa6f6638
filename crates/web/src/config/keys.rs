//! Every key, with what `docs/OPERATIONS.md` says of it.

/// A key, as the reference in `docs/OPERATIONS.md` shows it.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The key without `KEYWAY_`, in lower case; as it may stand in the file.
    pub name: &'static str,
    /// The value if none is given; empty if there is none.
    pub default: &'static str,
    /// Who reads it.
    pub programs: &'static str,
    /// What it does.
    pub purpose: &'static str,
}

/// Every key there is.
pub const KEYS: &[Key] = &[
    Key {
        name: "database_url",
        default: "",
        programs: "all",
        purpose: "`postgres://user:password@host/database`. TLS is verified, and demanded unless the server is on this machine or the URL says `sslmode=disable`.",
    },
    Key {
        name: "database_url_file",
        default: "",
        programs: "all",
        purpose: "File that holds the database URL, for secrets that are mounted as files.",
    },
    Key {
        name: "database_connections",
        default: "24",
        programs: "gateway, console",
        purpose: "Most connections that one process opens.",
    },
    Key {
        name: "public_url",
        default: "http://127.0.0.1:8080",
        programs: "all",
        purpose: "Where browsers and providers reach the gateway: the issuer, and the base of every callback URL. https, or http on loopback.",
    },
    Key {
        name: "listen",
        default: "127.0.0.1:8080",
        programs: "gateway",
        purpose: "Address and port of the gateway.",
    },
    Key {
        name: "console_url",
        default: "http://127.0.0.1:8081",
        programs: "console, CLI",
        purpose: "Where admins reach the console. https, or http on loopback.",
    },
    Key {
        name: "console_listen",
        default: "127.0.0.1:8081",
        programs: "console",
        purpose: "Address and port of the console.",
    },
    Key {
        name: "keyring_file",
        default: "",
        programs: "gateway, CLI",
        purpose: "The key ring that `keyway keys generate` wrote. Others must not be able to read it.",
    },
    Key {
        name: "public_keys_file",
        default: "",
        programs: "console",
        purpose: "The public keys that `keyway keys generate` wrote.",
    },
    Key {
        name: "edge_key",
        default: "",
        programs: "gateway",
        purpose: "Secret that your TLS edge sends as `keyway-edge-key`, so that its client-certificate headers are believed.",
    },
    Key {
        name: "edge_key_file",
        default: "",
        programs: "gateway",
        purpose: "File that holds the edge key.",
    },
    Key {
        name: "providers_dir",
        default: "",
        programs: "all",
        purpose: "Directory of your own provider definitions, one `<slug>.toml` each. They add to the catalogue and replace definitions of the same slug.",
    },
    Key {
        name: "outbound_allow",
        default: "",
        programs: "gateway",
        purpose: "Addresses that the gateway may call although they are not public, separated by commas: `10.0.0.5`, `10.0.0.0/8`, `127.0.0.1:9000`.",
    },
    Key {
        name: "trusted_proxies",
        default: "",
        programs: "gateway, console",
        purpose: "Addresses or networks of your own proxies, separated by commas: `X-Forwarded-For` is believed from these only.",
    },
    Key {
        name: "refresh_concurrency",
        default: "16",
        programs: "gateway",
        purpose: "Most background refreshes that one gateway does at a time, for each provider.",
    },
    Key {
        name: "refresh_rate",
        default: "50",
        programs: "gateway",
        purpose: "Most background refreshes that one gateway starts in a second, for each provider.",
    },
    Key {
        name: "metrics_listen",
        default: "127.0.0.1:9464",
        programs: "gateway",
        purpose: "Address and port of `GET /metrics`, for Prometheus. `off` turns it off.",
    },
    Key {
        name: "log",
        default: "info,actix_server=warn",
        programs: "all",
        purpose: "What is logged: a tracing filter such as `info` or `info,keyway_gateway=debug`.",
    },
    Key {
        name: "log_format",
        default: "text",
        programs: "all",
        purpose: "`text` or `json`.",
    },
    Key {
        name: "pg_bin",
        default: "",
        programs: "`keyway dev`",
        purpose: "Directory of the PostgreSQL server programs, if they are not where they usually are.",
    },
];
