create table reservation(id bigserial primary key, article_id bigint not null references article(id), quantity int not null, until timestamptz not null);
create index reservation_until on reservation(until);
