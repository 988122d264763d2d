import { Injectable, Logger, OnModuleInit } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Person } from './person.entity';

@Injectable()
export class PeopleService implements OnModuleInit {
  private readonly log = new Logger(PeopleService.name);
  constructor(@InjectRepository(Person) private readonly people: Repository<Person>) {}

  async onModuleInit() {
    if (!process.env.ROSTER_HR_URL) this.log.warn('ROSTER_HR_URL is missing: leave balances will not be shown');
    this.log.log(`${await this.people.count()} people on file`);
  }
}
