import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { IsNull, Repository } from 'typeorm';
import { PeopleService } from '../people/people.service';
import { Shift } from './shift.entity';

@Injectable()
export class ShiftPlanner {
  constructor(@InjectRepository(Shift) private readonly shifts: Repository<Shift>, private readonly people: PeopleService) {}
  open() { return this.shifts.countBy({ personId: IsNull() }); }
}
