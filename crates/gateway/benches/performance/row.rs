//! What is measured, row by row.

/// Numbers of clients.
pub(crate) const CLIENTS: [usize; 3] = [1, 8, 32];

/// Something to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Row {
    Bare,
    PgbenchRedeemInTwo,
    PgbenchRedeemInOne,
    FloorExchange,
    Exchange,
    PeerExchange,
    PgbenchStart,
    FloorStart,
    Start,
    FloorFlow,
    Flow,
    PgbenchRead,
    FloorRead,
    FloorOpen,
    Read,
    FloorImport,
    Import,
    FloorRefresh,
    Refresh,
}

impl Row {
    /// In the order in which a round measures them: neighbours are compared.
    pub(crate) const ALL: [Self; 19] = [
        Self::Bare,
        Self::PgbenchRedeemInTwo,
        Self::PgbenchRedeemInOne,
        Self::FloorExchange,
        Self::Exchange,
        Self::PeerExchange,
        Self::PgbenchStart,
        Self::FloorStart,
        Self::Start,
        Self::FloorFlow,
        Self::Flow,
        Self::PgbenchRead,
        Self::FloorRead,
        Self::FloorOpen,
        Self::Read,
        Self::FloorImport,
        Self::Import,
        Self::FloorRefresh,
        Self::Refresh,
    ];

    /// The name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare actix handler, JSON",
            Self::PgbenchRedeemInTwo => "pgbench: redeem, 2 round trips",
            Self::PgbenchRedeemInOne => "pgbench: redeem, 1 statement",
            Self::FloorExchange => "floor: token exchange",
            Self::Exchange => "**Keyway: token exchange (A)**",
            Self::PeerExchange => "oidc-provider in memory: token exchange",
            Self::PgbenchStart => "pgbench: insert a flow",
            Self::FloorStart => "floor: start",
            Self::Start => "**Keyway: start (C)**",
            Self::FloorFlow => "floor: start and callback",
            Self::Flow => "**Keyway: start and callback (C+D)**",
            Self::PgbenchRead => "pgbench: read a row by its key",
            Self::FloorRead => "floor: tokio-postgres, read a row by its key",
            Self::FloorOpen => "floor: token and credential in one query, opened",
            Self::Read => "**Keyway: read a fresh token (B)**",
            Self::FloorImport => "floor: import, 1 statement",
            Self::Import => "**Keyway: import**",
            Self::FloorRefresh => "floor: refresh, so many at a time",
            Self::Refresh => "**Keyway: background refresh (E), so many at a time**",
        }
    }

    /// What `--only` calls it.
    pub(crate) fn group(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::PgbenchStart | Self::FloorStart | Self::Start => "start",
            Self::FloorFlow | Self::Flow => "flow",
            Self::PgbenchRead | Self::FloorRead | Self::FloorOpen | Self::Read => "read",
            Self::FloorImport | Self::Import => "import",
            Self::FloorRefresh | Self::Refresh => "refresh",
            _ => "exchange",
        }
    }

    /// Whether each operation uses up something that was made for it.
    pub(crate) fn redeems(self) -> bool {
        matches!(
            self,
            Self::PgbenchRedeemInTwo
                | Self::PgbenchRedeemInOne
                | Self::FloorExchange
                | Self::Exchange
                | Self::PeerExchange
                | Self::FloorRefresh
                | Self::Refresh
        )
    }
}
