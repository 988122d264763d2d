import { Controller, Get } from '@nestjs/common';
import { ShiftPlanner } from './shift.planner';

@Controller('shifts')
export class ShiftController {
  constructor(private readonly planner: ShiftPlanner) {}
  @Get() open() { return this.planner.open(); }
}
