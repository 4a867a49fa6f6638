//! Ratios to the floors and the peer: they hold where absolute figures move with the machine.

use super::{
    Report,
    table::{spread, table, verdict},
};
use crate::row::{CLIENTS, Row};

/// A ratio that must hold, and the one that is wanted.
pub(super) struct Demand {
    name: &'static str,
    pub(super) of: Row,
    pub(super) to: Row,
    pub(super) gate: f64,
    pub(super) goal: Goal,
}

/// The ratio that is wanted, at 8 and at 32 clients.
pub(super) struct Goal {
    pub(super) at_8: f64,
    pub(super) at_32: f64,
}

impl Goal {
    /// The same at both.
    const fn of(ratio: f64) -> Self {
        Self {
            at_8: ratio,
            at_32: ratio,
        }
    }

    fn words(&self) -> String {
        if (self.at_8 - self.at_32).abs() < f64::EPSILON {
            format!("≥ {}", self.at_8)
        } else {
            format!("≥ {} / {}", self.at_8, self.at_32)
        }
    }
}

/// The exchange beside the same statements in a bare Rust service.
pub(super) const EXCHANGE: Demand = Demand {
    name: "A : floor (3 round trips)",
    of: Row::Exchange,
    to: Row::FloorExchange,
    gate: 0.8,
    goal: Goal::of(0.8),
};

/// The start beside its one statement.
pub(super) const START: Demand = Demand {
    name: "C : pgbench",
    of: Row::Start,
    to: Row::PgbenchStart,
    gate: 0.55,
    goal: Goal::of(0.8),
};

/// The flow beside the same statements and call in a bare Rust service.
pub(super) const FLOW: Demand = Demand {
    name: "C+D : floor",
    of: Row::Flow,
    to: Row::FloorFlow,
    gate: 0.7,
    goal: Goal::of(0.85),
};

/// A read beside token and credential in one query, and the same opening.
pub(super) const READ: Demand = Demand {
    name: "B : floor (one query, opened)",
    of: Row::Read,
    to: Row::FloorOpen,
    gate: 0.8,
    goal: Goal::of(0.8),
};

/// Background refreshes beside a worker that only calls and updates.
pub(super) const REFRESH: Demand = Demand {
    name: "E : floor (an update a row)",
    of: Row::Refresh,
    to: Row::FloorRefresh,
    gate: 0.6,
    goal: Goal::of(0.8),
};

const DEMANDS: [Demand; 8] = [
    EXCHANGE,
    Demand {
        name: "A : pgbench (2 round trips)",
        of: Row::Exchange,
        to: Row::PgbenchRedeemInTwo,
        gate: 0.45,
        goal: Goal {
            at_8: 0.6,
            at_32: 0.75,
        },
    },
    Demand {
        name: "A : oidc-provider in memory",
        of: Row::Exchange,
        to: Row::PeerExchange,
        gate: 1.5,
        goal: Goal::of(2.0),
    },
    START,
    FLOW,
    READ,
    Demand {
        name: "B : floor (tokio-postgres, a row by its key)",
        of: Row::Read,
        to: Row::FloorRead,
        gate: 0.55,
        goal: Goal::of(0.95),
    },
    REFRESH,
];

/// Further ratios, which nothing is demanded of.
const ASIDES: [(&str, Row, Row); 8] = [
    (
        "A : pgbench (1 statement)",
        Row::Exchange,
        Row::PgbenchRedeemInOne,
    ),
    (
        "floor A : pgbench (2 round trips)",
        Row::FloorExchange,
        Row::PgbenchRedeemInTwo,
    ),
    ("C : floor", Row::Start, Row::FloorStart),
    ("floor C : pgbench", Row::FloorStart, Row::PgbenchStart),
    ("B : bare handler", Row::Read, Row::Bare),
    ("B : pgbench", Row::Read, Row::PgbenchRead),
    (
        "floor B : floor (tokio-postgres)",
        Row::FloorOpen,
        Row::FloorRead,
    ),
    ("import : floor", Row::Import, Row::FloorImport),
];

impl Report<'_> {
    pub(super) fn ratios(&self) -> String {
        let demanded = DEMANDS.iter().filter_map(|demand| self.demanded(demand));
        let asides = ASIDES
            .iter()
            .filter_map(|&(name, of, to)| self.aside(name, of, to));
        let rows: Vec<Vec<String>> = demanded.chain(asides).collect();
        table(
            &["", "1 client", "8 clients", "32 clients", "gate", "goal"],
            &rows,
        )
    }

    fn demanded(&self, demand: &Demand) -> Option<Vec<String>> {
        let Demand {
            name,
            of,
            to,
            gate,
            goal,
        } = demand;
        let [one, eight, many] = CLIENTS.map(|clients| self.ratio(*of, *to, clients));
        let (at_8, at_32) = (eight?.median, many?.median);
        let gate_met = at_8 >= *gate && at_32 >= *gate;
        let goal_met = at_8 >= goal.at_8 && at_32 >= goal.at_32;
        Some(vec![
            (*name).to_owned(),
            spread(one),
            spread(eight),
            spread(many),
            verdict(&format!("≥ {gate}"), gate_met),
            verdict(&goal.words(), goal_met),
        ])
    }

    fn aside(&self, name: &str, of: Row, to: Row) -> Option<Vec<String>> {
        let [one, eight, many] = CLIENTS.map(|clients| self.ratio(of, to, clients));
        one?;
        let cells = [one, eight, many].map(spread).to_vec();
        Some([vec![name.to_owned()], cells, vec!["–".to_owned(); 2]].concat())
    }
}
