create table article(id bigserial primary key, sku text not null unique, title text not null);
