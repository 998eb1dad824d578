//! Why something was not done, for programs: the reasons, and the class of each.

use crate::domain::names::names;

names! {
    /// The class of an error: gRPC's codes, by their names.
    Class {
        /// The request can't be right, whatever the state.
        InvalidArgument = "INVALID_ARGUMENT",
        /// Who calls is not known.
        Unauthenticated = "UNAUTHENTICATED",
        /// Who calls may not.
        PermissionDenied = "PERMISSION_DENIED",
        /// There is none, or none that the caller may know of.
        NotFound = "NOT_FOUND",
        /// There is one already.
        AlreadyExists = "ALREADY_EXISTS",
        /// Somebody was faster; read again and repeat.
        Aborted = "ABORTED",
        /// Not in this state.
        FailedPrecondition = "FAILED_PRECONDITION",
        /// Beyond what there is.
        OutOfRange = "OUT_OF_RANGE",
        /// What was stored is lost or damaged.
        DataLoss = "DATA_LOSS",
        /// A limit is reached.
        ResourceExhausted = "RESOURCE_EXHAUSTED",
        /// Repeat it later.
        Unavailable = "UNAVAILABLE",
        /// The time that the caller gave is over.
        DeadlineExceeded = "DEADLINE_EXCEEDED",
        /// No such method.
        Unimplemented = "UNIMPLEMENTED",
    }
}

names! {
    /// The documented reasons, as in the ErrorInfo of every refused call.
    Reason {
        /// No credential was sent.
        TokenMissing = "TOKEN_MISSING",
        /// The credential is not one of ours, or was revoked.
        TokenInvalid = "TOKEN_INVALID",
        /// The credential's time is over.
        TokenExpired = "TOKEN_EXPIRED",
        /// The call needs a session, and the credential is a token of an identity provider.
        SessionRequired = "SESSION_REQUIRED",
        /// The client certificate does not say which service it is of.
        CertificateInvalid = "CERTIFICATE_INVALID",
        /// Wrong user or password.
        CredentialsInvalid = "CREDENTIALS_INVALID",
        /// A metadata key is unknown, doubled or malformed.
        MetadataInvalid = "METADATA_INVALID",
        /// Fields of the request are out of bounds.
        FieldsInvalid = "FIELDS_INVALID",
        /// The filter can't be read, or names what the list does not have.
        FilterInvalid = "FILTER_INVALID",
        /// The page token is not for this caller and these arguments.
        PageTokenInvalid = "PAGE_TOKEN_INVALID",
        /// The request and the header name different tenants.
        TenantContextMismatch = "TENANT_CONTEXT_MISMATCH",
        /// The same request id came with another body.
        RequestIdReused = "REQUEST_ID_REUSED",
        /// A privilege is missing.
        PrivilegeMissing = "PRIVILEGE_MISSING",
        /// The service has not been given the call.
        MethodNotGiven = "METHOD_NOT_GIVEN",
        /// Acting for another account is not permitted.
        ImpersonationNotPermitted = "IMPERSONATION_NOT_PERMITTED",
        /// The account to act for is not there, or may not be acted for.
        ImpersonationTargetNotDefined = "IMPERSONATION_TARGET_NOT_DEFINED",
        /// The account to act for lacks the privilege.
        ImpersonationTargetUnderprivileged = "IMPERSONATION_TARGET_UNDERPRIVILEGED",
        /// Who acts for another account already can't go on to a further one.
        ImpersonationChained = "IMPERSONATION_CHAINED",
        /// There is none, or none that this caller may know of.
        ResourceNotFound = "RESOURCE_NOT_FOUND",
        /// There is one already.
        ResourceExists = "RESOURCE_EXISTS",
        /// The resource changed since it was read.
        EtagMismatch = "ETAG_MISMATCH",
        /// Another operation works on the tenant.
        OperationInProgress = "OPERATION_IN_PROGRESS",
        /// The tenant's state does not allow it.
        TenantStateInvalid = "TENANT_STATE_INVALID",
        /// The failed tenant still rests.
        TenantCoolingDown = "TENANT_COOLING_DOWN",
        /// The infrastructure tenant can't be changed this way.
        TenantReadOnly = "TENANT_READ_ONLY",
        /// The tenant is protected.
        TenantProtected = "TENANT_PROTECTED",
        /// The repeated name is wrong.
        ConfirmationMismatch = "CONFIRMATION_MISMATCH",
        /// Deleting in one call is switched off.
        ForceDisabled = "FORCE_DISABLED",
        /// A participant keeps the tenant from being deleted.
        DeletionBlocked = "DELETION_BLOCKED",
        /// There is to be one tenant only.
        MultiTenancyOff = "MULTI_TENANCY_OFF",
        /// The operation's kind or state does not let it be cancelled.
        OperationNotCancellable = "OPERATION_NOT_CANCELLABLE",
        /// The operation's state, or that of its tenant, does not let it be begun again.
        OperationNotRetryable = "OPERATION_NOT_RETRYABLE",
        /// The limit is below what is in use.
        LimitBelowUse = "LIMIT_BELOW_USE",
        /// Users have some of the numbers.
        ExtensionInUse = "EXTENSION_IN_USE",
        /// Tenants are placed on the server.
        ServerInUse = "SERVER_IN_USE",
        /// The server can't be reached.
        ServerUnreachable = "SERVER_UNREACHABLE",
        /// No seat is left: in the system licence to be reserved, or in a tenant to be taken.
        LicensesExhausted = "LICENSES_EXHAUSTED",
        /// The tenant has as many users as it may have.
        UserLimitReached = "USER_LIMIT_REACHED",
        /// The tenant's data would take more than its quota.
        DiskQuotaExceeded = "DISK_QUOTA_EXCEEDED",
        /// The link was used.
        LinkUsed = "LINK_USED",
        /// The link's time is over.
        LinkExpired = "LINK_EXPIRED",
        /// The tenant's licences don't open the privilege.
        PrivilegeNotLicensed = "PRIVILEGE_NOT_LICENSED",
        /// Without that account or right the tenant has no administrator any more.
        LastAdministrator = "LAST_ADMINISTRATOR",
        /// The resource is one that every tenant starts with, and stays as it is.
        ResourceProtected = "RESOURCE_PROTECTED",
        /// A guest's account is changed at home only.
        UserIsGuest = "USER_IS_GUEST",
        /// The user's state does not allow it.
        UserStateInvalid = "USER_STATE_INVALID",
        /// The user has no e-mail address that a link could go to.
        EmailMissing = "EMAIL_MISSING",
        /// The user does not work there, or is not in the group.
        NotAMember = "NOT_A_MEMBER",
        /// Nobody can log in to a locked tenant.
        TenantLocked = "TENANT_LOCKED",
        /// The user works in no tenant.
        NoTenantAssigned = "NO_TENANT_ASSIGNED",
        /// The user does not work in its default tenant any more.
        DefaultTenantRequired = "DEFAULT_TENANT_REQUIRED",
        /// A feature is off in the tenant.
        FeatureOff = "FEATURE_OFF",
        /// The tenant has no domain.
        DomainNotSet = "DOMAIN_NOT_SET",
        /// The domain is not verified, or not secure.
        DomainNotOperational = "DOMAIN_NOT_OPERATIONAL",
        /// The password must be changed before anything else.
        PasswordChangeRequired = "PASSWORD_CHANGE_REQUIRED",
        /// The mail server refused the mail for good.
        MailRefused = "MAIL_REFUSED",
        /// The mail server can't be reached, or takes nothing for now.
        MailServerUnavailable = "MAIL_SERVER_UNAVAILABLE",
        /// The keys of an identity provider can't be fetched.
        IdentityProviderUnreachable = "IDENTITY_PROVIDER_UNREACHABLE",
        /// A participant can't be reached.
        ParticipantUnreachable = "PARTICIPANT_UNREACHABLE",
        /// The database can't be reached.
        StoreUnavailable = "STORE_UNAVAILABLE",
        /// The object store can't be reached, or takes nothing.
        ObjectStoreUnavailable = "OBJECT_STORE_UNAVAILABLE",
        /// The object store has no room left.
        ObjectStoreFull = "OBJECT_STORE_FULL",
        /// The key that content is sealed with can't be had.
        KeyUnavailable = "KEY_UNAVAILABLE",
        /// What is in a backup is not what was written.
        BackupCorrupt = "BACKUP_CORRUPT",
        /// A backup is of a form that this version does not know.
        BackupFormatUnknown = "BACKUP_FORMAT_UNKNOWN",
        /// A backup is not done, or was given up.
        BackupStateInvalid = "BACKUP_STATE_INVALID",
        /// A backup was made of another tenant than the one that it would be restored to.
        BackupOfAnotherTenant = "BACKUP_OF_ANOTHER_TENANT",
        /// What was uploaded is no archive of a backup, or not what it was.
        ArchiveInvalid = "ARCHIVE_INVALID",
        /// Stored content is not what it was.
        ContentCorrupt = "CONTENT_CORRUPT",
        /// An upload goes on at another byte than the next one.
        UploadOffsetMismatch = "UPLOAD_OFFSET_MISMATCH",
        /// The upload was given up, or another connection goes on with it.
        UploadInterrupted = "UPLOAD_INTERRUPTED",
        /// Too many calls, or too large a one.
        RateLimited = "RATE_LIMITED",
        /// The message is larger than allowed.
        MessageTooLarge = "MESSAGE_TOO_LARGE",
        /// The caller's deadline passed.
        DeadlineExceeded = "DEADLINE_EXCEEDED",
        /// No such method.
        MethodUnknown = "METHOD_UNKNOWN",
        /// The service is going down; another replica answers.
        ShuttingDown = "SHUTTING_DOWN",
    }
}

impl Reason {
    /// The class that the reason belongs to.
    pub const fn class(self) -> Class {
        match self {
            Self::TokenMissing
            | Self::TokenInvalid
            | Self::TokenExpired
            | Self::CertificateInvalid
            | Self::CredentialsInvalid => Class::Unauthenticated,
            Self::MetadataInvalid
            | Self::FieldsInvalid
            | Self::FilterInvalid
            | Self::ArchiveInvalid
            | Self::PageTokenInvalid
            | Self::TenantContextMismatch
            | Self::RequestIdReused => Class::InvalidArgument,
            Self::PrivilegeMissing
            | Self::MethodNotGiven
            | Self::ImpersonationNotPermitted
            | Self::ImpersonationTargetNotDefined
            | Self::ImpersonationTargetUnderprivileged
            | Self::ImpersonationChained => Class::PermissionDenied,
            Self::ResourceNotFound => Class::NotFound,
            Self::ResourceExists => Class::AlreadyExists,
            Self::EtagMismatch | Self::OperationInProgress | Self::UploadInterrupted => Class::Aborted,
            Self::UploadOffsetMismatch => Class::OutOfRange,
            Self::ContentCorrupt | Self::BackupCorrupt => Class::DataLoss,
            Self::TenantStateInvalid
            | Self::TenantCoolingDown
            | Self::TenantReadOnly
            | Self::TenantProtected
            | Self::ConfirmationMismatch
            | Self::ForceDisabled
            | Self::DeletionBlocked
            | Self::MultiTenancyOff
            | Self::OperationNotCancellable
            | Self::OperationNotRetryable
            | Self::LimitBelowUse
            | Self::ExtensionInUse
            | Self::ServerInUse
            | Self::ServerUnreachable
            | Self::LinkUsed
            | Self::LinkExpired
            | Self::PrivilegeNotLicensed
            | Self::LastAdministrator
            | Self::ResourceProtected
            | Self::UserIsGuest
            | Self::UserStateInvalid
            | Self::NotAMember
            | Self::TenantLocked
            | Self::NoTenantAssigned
            | Self::DefaultTenantRequired
            | Self::FeatureOff
            | Self::DomainNotSet
            | Self::DomainNotOperational
            | Self::EmailMissing
            | Self::PasswordChangeRequired
            | Self::SessionRequired
            | Self::KeyUnavailable
            | Self::BackupFormatUnknown
            | Self::BackupStateInvalid
            | Self::BackupOfAnotherTenant
            | Self::MailRefused => Class::FailedPrecondition,
            Self::LicensesExhausted
            | Self::UserLimitReached
            | Self::DiskQuotaExceeded
            | Self::ObjectStoreFull
            | Self::RateLimited
            | Self::MessageTooLarge => Class::ResourceExhausted,
            Self::ParticipantUnreachable
            | Self::IdentityProviderUnreachable
            | Self::StoreUnavailable
            | Self::ObjectStoreUnavailable
            | Self::ShuttingDown
            | Self::MailServerUnavailable => Class::Unavailable,
            Self::DeadlineExceeded => Class::DeadlineExceeded,
            Self::MethodUnknown => Class::Unimplemented,
        }
    }
}
