create table sowing(crop text primary key, first_week int not null, last_week int not null check (last_week >= first_week));
