import { Logger, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PeopleModule } from './people/people.module';
import { Person } from './people/person.entity';
import { ShiftModule } from './shift/shift.module';
import { Shift } from './shift/shift.entity';

function optional(name: string) {
  try { return require(name); } catch (e) { new Logger('Optional').warn(`${name} is not installed, calendar export stays off`); }
}
optional('ical-generator');

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres', host: process.env.ROSTER_PG_HOST, port: Number(process.env.ROSTER_PG_PORT ?? 5432), username: 'roster',
      password: process.env.ROSTER_PG_PASSWORD, database: process.env.ROSTER_PG_DATABASE ?? 'roster', entities: [Person, Shift],
      synchronize: process.env.ROSTER_SYNC === '1', retryAttempts: Number(process.env.ROSTER_PG_RETRIES ?? 3), retryDelay: 900,
      ssl: process.env.ROSTER_PG_CA ? { ca: require('fs').readFileSync(process.env.ROSTER_PG_CA, 'utf8') } : false, logging: ['schema', 'migration'],
    }),
    PeopleModule, ShiftModule,
  ],
})
export class AppModule {}
