pub mod dev;
pub mod proto { pub mod v1 { tonic::include_proto!("landlord.v1"); } }
