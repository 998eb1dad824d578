//! The function privileges: what a role can allow. `build.rs` reads this file too, to check the methods' policies.

/// A function privilege that Landlord itself knows. Tenants can define further ones, which Landlord only stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "their names say it")]
pub enum Privilege {
    UserAdministrator,
    TenantAdministrator,
    TechnicalConfigurationAdministrator,
    LicenseAdministrator,
    AnalysisAdministrator,
    ArcmAdministrator,
    CollaborationAdministrator,
    DatabaseAdministrator,
    DashboardAdministrator,
    DocumentAdministrator,
    PortalAdministrator,
    ProcessGovernanceAdministrator,
    ServerAdministrator,
    Impersonation,
    ManageTenants,
}

impl Privilege {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 15] = [
        Self::UserAdministrator,
        Self::TenantAdministrator,
        Self::TechnicalConfigurationAdministrator,
        Self::LicenseAdministrator,
        Self::AnalysisAdministrator,
        Self::ArcmAdministrator,
        Self::CollaborationAdministrator,
        Self::DatabaseAdministrator,
        Self::DashboardAdministrator,
        Self::DocumentAdministrator,
        Self::PortalAdministrator,
        Self::ProcessGovernanceAdministrator,
        Self::ServerAdministrator,
        Self::Impersonation,
        Self::ManageTenants,
    ];

    /// Those that assets need, each kind one.
    pub const ASSETS: [Self; 9] = [
        Self::ServerAdministrator,
        Self::DatabaseAdministrator,
        Self::AnalysisAdministrator,
        Self::DashboardAdministrator,
        Self::DocumentAdministrator,
        Self::PortalAdministrator,
        Self::CollaborationAdministrator,
        Self::ProcessGovernanceAdministrator,
        Self::ArcmAdministrator,
    ];

    /// Those that components of backups need beside [`Self::ASSETS`], each component one.
    pub const ROWS: [Self; 3] =
        [Self::UserAdministrator, Self::TechnicalConfigurationAdministrator, Self::LicenseAdministrator];

    /// The name used in the API, in policies and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserAdministrator => "user-administrator",
            Self::TenantAdministrator => "tenant-administrator",
            Self::TechnicalConfigurationAdministrator => "technical-configuration-administrator",
            Self::LicenseAdministrator => "license-administrator",
            Self::AnalysisAdministrator => "analysis-administrator",
            Self::ArcmAdministrator => "arcm-administrator",
            Self::CollaborationAdministrator => "collaboration-administrator",
            Self::DatabaseAdministrator => "database-administrator",
            Self::DashboardAdministrator => "dashboard-administrator",
            Self::DocumentAdministrator => "document-administrator",
            Self::PortalAdministrator => "portal-administrator",
            Self::ProcessGovernanceAdministrator => "process-governance-administrator",
            Self::ServerAdministrator => "server-administrator",
            Self::Impersonation => "impersonation",
            Self::ManageTenants => "manage-tenants",
        }
    }

    /// The privilege of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }

    /// Whether the privilege is only ever held in the infrastructure tenant: it is about tenants, not in one.
    #[allow(dead_code, reason = "build.rs compiles this file and needs names only")]
    pub const fn is_platform(self) -> bool {
        matches!(self, Self::TenantAdministrator | Self::Impersonation | Self::ManageTenants)
    }
}
